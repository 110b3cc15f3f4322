"""Every address with input that nobody would send by mistake: nothing breaks, and nothing of it is believed."""

import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.forms import Form
from django.test import Client

from labeling import forms, views
from tests.web.addresses import FILLED, TABLE, Address, furnish

VALUES = {
    "NUL": "a\0b",
    "more digits than Python reads": "9" * 4301,
    "an id that no column holds": str(2**63),
    "negative": "-1",
    "not finite": "NaN",
    "a time that no calendar has": "9999-12-31T23:59:59-14:00",
    "an offset that PostgreSQL does not know": "2026-11-27T00:00:00+23:59",
    "markup, another direction, no plain letter": "'\"><script>alert(1)</script>\u202e\U0001f600²٣",
}


def names() -> list[str]:
    """Whatever a view or a form asks for, by the name it asks with."""
    asked = set()
    for module in iter_modules(forms.__path__, f"{forms.__name__}."):
        for found in vars(import_module(module.name)).values():
            if isinstance(found, type) and issubclass(found, Form):
                asked |= set(found.base_fields)
    for file in Path(views.__path__[0]).glob("*.py"):
        asked |= set(re.findall(r'(?:GET|POST)\.get(?:list)?\("(\w+)"', file.read_text()))
        asked |= set(re.findall(r'ids_in\(request\.POST, "(\w+)"\)', file.read_text()))
    return sorted(asked)


NAMES = names()


@pytest.fixture
def admin(db: None, person: Callable[[str], User]) -> Client:
    furnish()
    client = Client(raise_request_exception=False)
    client.force_login(person("admin"))
    return client


def test_the_names_are_those_that_pages_ask_for() -> None:
    assert {"before", "version", "document", "request", "ids", "slug", "tokens_in", "zone", "q"} <= set(NAMES)


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_no_address_breaks_whatever_it_is_asked(admin: Client, value: str) -> None:
    """As a query, and as a form: with all of it bad, and with a way, a reason, a role and a name that are good."""
    query = urlencode(dict.fromkeys(NAMES, value[:100]))
    bad = urlencode(dict.fromkeys(NAMES, value))
    half_bad = urlencode(dict.fromkeys(NAMES, value) | FILLED)
    broken = [
        (address.name, method)
        for address in TABLE
        for method, data in (("GET", query), ("POST", bad), ("POST", half_bad))
        if method in address.methods and _status(admin, address, method, data) == 500
    ]
    assert broken == []


def _status(client: Client, address: Address, method: str, data: str) -> int:
    with transaction.atomic():
        if method == "GET":
            response = client.get(f"{address.url.partition('?')[0]}?{data}")
        else:
            response = client.post(address.url, data, content_type="application/x-www-form-urlencoded")
        if response.streaming:
            b"".join(response)
        transaction.set_rollback(True)
    return int(response.status_code)
