"""Every address of the admin, with a stranger, a colleague without staff status, a viewer, an operator and an admin."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection, transaction
from django.db.models import Model
from django.test import Client
from django.urls import URLPattern, URLResolver, reverse

from tests.admin.world import sign_in

Rows = dict[type[Model], Any]
OPEN = {"login"}
FOR_ALL_STAFF = {"index", "logout", "password_change", "password_change_done", "jsi18n", "app_list"}
OF_A_MODEL = {"changelist", "add", "history", "delete", "change"}
NO_PAGES = {"autocomplete", "view_on_site", None}
"""Answers for scripts, a redirect to pages that no model of ours has, and addresses of old."""


def names(patterns: Any = None) -> Iterator[str | None]:
    for pattern in admin.site.get_urls() if patterns is None else patterns:
        if isinstance(pattern, URLResolver):
            yield from names(pattern.url_patterns)
        elif isinstance(pattern, URLPattern):
            yield pattern.name


def kind(name: str | None) -> str | None:
    """`changelist` of `labeling_document_changelist`."""
    return name if name in OPEN | FOR_ALL_STAFF | NO_PAGES else str(name).rpartition("_")[2]


def addresses(rows: Rows) -> dict[str, str]:
    """Each page of the admin; those of one row lead to a row that is there."""
    found = {name: reverse(f"admin:{name}") for name in ("index", "password_change", "jsi18n")}
    found["app_list"] = reverse("admin:app_list", args=["labeling"])
    for model, row in rows.items():
        label = f"{model._meta.app_label}_{model._meta.model_name}"
        for page in ("changelist", "add"):
            found[f"{label}_{page}"] = reverse(f"admin:{label}_{page}")
        for page in ("history", "delete", "change"):
            found[f"{label}_{page}"] = reverse(f"admin:{label}_{page}", args=[row.pk])
    return found


def statuses(client: Client, rows: Rows, method: str = "GET") -> dict[str, int]:
    client.raise_request_exception = False
    found = {}
    for name, url in addresses(rows).items():
        with transaction.atomic():
            found[name] = client.generic(method, url).status_code
            transaction.set_rollback(True)
    return found


def not_as(found: dict[str, int], expected: dict[str, int]) -> dict[str, int]:
    """What is answered otherwise than its kind of page should be."""
    return {name: status for name, status in found.items() if status != expected.get(str(kind(name)), status)}


def written() -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_xact_user_tables")
        return dict(cursor.fetchall())


def test_every_address_is_of_a_known_kind() -> None:
    passwords = {"auth_user_password_change"}
    assert {kind(name) for name in names() if name not in passwords} <= OPEN | FOR_ALL_STAFF | OF_A_MODEL | NO_PAGES


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_strangers_and_colleagues_without_staff_status_are_sent_to_sign_in_from_everywhere(
    client: Client, rows: Rows, method: str
) -> None:
    colleague = sign_in("rita", "admin", is_staff=False)
    before = written()
    for who in (client, colleague) if method == "GET" else (client,):
        found = statuses(who, rows, method)
        assert {name: status for name, status in found.items() if status != 302} == {}
    assert written() == before


def test_an_operator_opens_every_row_and_adds_and_deletes_none_and_looking_writes_nothing(rows: Rows) -> None:
    people_and_prices = ("auth_", "labeling_modelprice_")
    client = sign_in("otto", "operator")
    before = written()
    found = {name: status for name, status in statuses(client, rows).items() if not name.startswith(people_and_prices)}
    looks = {"changelist": 200, "history": 200, "change": 200, "add": 403, "delete": 403}
    assert not_as(found, looks) == {}
    assert written() == before


def test_only_an_admin_changes_prices(rows: Rows) -> None:
    for group, status in (("viewer", 403), ("operator", 403), ("admin", 200)):
        client = sign_in(f"otto-{group}", group)
        assert client.get("/admin/labeling/modelprice/add/").status_code == status


def test_accounts_are_not_made_by_this_door_but_by_a_superuser(rows: Rows) -> None:
    client = sign_in("otto", "admin")
    assert {client.get(path).status_code for path in ("/admin/auth/user/", "/admin/auth/user/add/")} == {403}


def test_no_row_is_changed_without_the_token_of_its_page(rows: Rows, superuser: Client) -> None:
    careful = Client(enforce_csrf_checks=True, raise_request_exception=False)
    careful.cookies = superuser.cookies
    before = written()
    found = statuses(careful, rows, "POST")
    assert {name: status for name, status in found.items() if status != 403 and name != "jsi18n"} == {}
    assert written() == before


def test_an_unknown_row_leads_back_and_never_breaks(rows: Rows, superuser: Client) -> None:
    superuser.raise_request_exception = False
    lists = [url for name, url in addresses(rows).items() if kind(name) == "changelist"]
    asked = [f"{url}{wrong}" for url in lists for wrong in ("%00/change/", "none/change/", "?q=%00")]
    values = ("%00", "-1", "none", "9" * 5000, "%ff", "..%2f")
    asked += [f"{lists[0]}?{name}={value}" for name in ("p", "o", "q", "id__exact", "e") for value in values]
    assert [url[:100] for url in asked if superuser.get(url).status_code >= 500] == []
