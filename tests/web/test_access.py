"""Every address with a stranger, an account without a role, a viewer, an operator and an admin.

Each test walks the whole table on one house, and takes back what each request did before the next.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client

from tests.web.addresses import FILLED, TABLE, Address, Who, furnish, patterns
from tests.web.reading import words

ROLES = {Who.NOBODY: "", Who.VIEWER: "viewer", Who.OPERATOR: "operator", Who.ADMIN: "admin"}
SIGNED_IN = tuple(ROLES)
PAGES = [address for address in TABLE if "GET" in address.methods]
COMMANDS = [address for address in TABLE if "POST" in address.methods]
OF_ROLES = [address for address in TABLE if address.who > Who.NOBODY]


@pytest.fixture
def house(db: None) -> None:
    furnish()


@pytest.fixture
def people(house: None, person: Callable[[str], User]) -> dict[Who, Client]:
    """A browser for each, with which nobody signs out of another."""
    found = {Who.STRANGER: Client()}
    for who, role in ROLES.items():
        found[who] = Client()
        found[who].force_login(person(role))
    return found


@contextmanager
def taken_back() -> Iterator[None]:
    """What happens inside did not happen."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def ask(client: Client, address: Address, method: str, url: str = "", **headers: str) -> HttpResponse:
    with taken_back():
        url = url or address.url
        response: Any = (
            client.get(url, headers=headers) if method == "GET" else client.post(url, FILLED, headers=headers)
        )
        return HttpResponse(b"".join(response), status=response.status_code, headers=response.headers)


def wrong(
    addresses: Iterable[Address], is_right: Callable[[HttpResponse], bool], answer: Callable[[Address], HttpResponse]
) -> dict[str, str]:
    """The addresses whose answer is not as it should be, each with its answer."""
    answers = {address.name: answer(address) for address in addresses}
    return {
        name: f"{response.status_code} {response.headers.get('Location', '')} {words(response.content)[:200]}"
        for name, response in answers.items()
        if not is_right(response)
    }


def written() -> dict[str, int]:
    """How many rows this transaction has written in each table, what was taken back included.

    Not counted is the cache: it remembers what was computed.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_xact_user_tables"
            " WHERE relname <> 'django_cache'"
        )
        return dict(cursor.fetchall())


def is_sent_to_sign_in(response: HttpResponse) -> bool:
    return response.status_code == 302 and response["Location"].partition("?")[0] == "/login"


def is_refused(response: HttpResponse) -> bool:
    return response.status_code == 403 and "This is not for your role" in words(response.content)


def is_opened(response: HttpResponse) -> bool:
    return response.status_code == 200 and bool(response.content)


# --- the table -------------------------------------------------------------------------------------------------------


def test_every_address_is_in_the_table_and_nothing_else_is() -> None:
    assert sorted(str(pattern.name) for pattern in patterns()) == sorted(address.name for address in TABLE)


def test_an_address_takes_no_other_method_than_the_table_says(people: dict[Who, Client]) -> None:
    strange = {
        (address.name, method): status
        for address in TABLE
        for method in {"GET", "POST", "PUT", "DELETE"} - {*address.methods}
        if (status := people[address.who].generic(method, address.url).status_code) != 405
    }
    assert strange == {}


# --- who may ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_stranger_is_sent_to_sign_in_from_everywhere_and_writes_nothing(
    people: dict[Who, Client], method: str
) -> None:
    before = written()
    closed = [address for address in TABLE if address.who > Who.STRANGER]
    if method == "POST":  # a live part is asked for only; it sends to sign in too, or refuses the method
        closed = [address for address in closed if not address.is_live]
    assert wrong(closed, is_sent_to_sign_in, lambda address: ask(people[Who.STRANGER], address, method)) == {}
    assert written() == before


def test_a_live_part_sends_who_is_signed_out_to_sign_in_instead_of_showing_a_form(people: dict[Who, Client]) -> None:
    found = wrong(
        [address for address in TABLE if address.is_live],
        lambda response: (response.status_code, response.headers.get("HX-Redirect")) == (401, "/login"),
        lambda address: ask(people[Who.STRANGER], address, "GET", **{"HX-Request": "true"}),
    )
    assert found == {}


@pytest.mark.parametrize("who", SIGNED_IN)
def test_a_page_is_opened_by_who_may_refused_to_others_in_the_look_of_the_house_and_looking_writes_nothing(
    people: dict[Who, Client], who: Who
) -> None:
    before = written()
    refused = [address for address in PAGES if address.who > who]
    assert wrong(refused, is_refused, lambda address: ask(people[who], address, "GET")) == {}
    opened = [address for address in OF_ROLES if address in PAGES and address.who <= who]
    assert wrong(opened, is_opened, lambda address: ask(people[who], address, "GET")) == {}
    assert written() == before


def test_what_is_open_to_everybody_is_opened_and_writes_nothing(people: dict[Who, Client]) -> None:
    before = written()
    for_all = [address for address in PAGES if address.who == Who.STRANGER]
    found = {address.name: ask(people[Who.STRANGER], address, "GET").status_code for address in for_all}
    assert {name for name, status in found.items() if status == 503} <= {"health", "workers_health"}
    assert set(found.values()) <= {200, 503}
    assert written() == before


@pytest.mark.parametrize("who", SIGNED_IN)
def test_a_command_is_refused_to_who_may_not_and_nothing_is_written(people: dict[Who, Client], who: Who) -> None:
    before = written()
    refused = [address for address in COMMANDS if address.who > who]
    if who < Who.ADMIN:  # everybody reads the settings, only an admin changes them
        refused += [address for address in COMMANDS if address.name == "settings" and address not in refused]
    assert wrong(refused, is_refused, lambda address: ask(people[who], address, "POST")) == {}
    assert written() == before


@pytest.mark.parametrize("who", [Who.VIEWER, Who.OPERATOR, Who.ADMIN])
def test_a_command_is_obeyed_for_who_may(people: dict[Who, Client], who: Who) -> None:
    may = [a for a in OF_ROLES if a in COMMANDS and a.who <= who and (a.name != "settings" or who == Who.ADMIN)]
    strange = {}
    for address in may:
        response = ask(people[who], address, "POST")
        if response.status_code not in address.answers or is_sent_to_sign_in(response):
            strange[address.name] = response.status_code
    assert strange == {}


def test_what_a_command_shows_once_is_a_password(people: dict[Who, Client]) -> None:
    giving = [address for address in TABLE if address.name in ("account_add", "account_password")]
    assert len(giving) == 2
    for address in giving:
        assert "shown only now" in words(ask(people[Who.ADMIN], address, "POST").content)


# --- what a request may do -------------------------------------------------------------------------------------------


def test_nothing_is_done_without_the_token_of_its_page(people: dict[Who, Client]) -> None:
    careful = Client(enforce_csrf_checks=True)
    careful.cookies = people[Who.ADMIN].cookies
    before = written()
    found = wrong(
        COMMANDS,
        lambda response: response.status_code == 403 and "Nothing was done" in words(response.content),
        lambda address: ask(careful, address, "POST"),
    )
    assert found == {}
    assert written() == before


# --- what is not there -----------------------------------------------------------------------------------------------

UNKNOWN = {
    "pk": 2**63 - 1,
    "number": 99,
    "slug": "none",
    "key": "none",
    "digest": "f" * 64,
    "day": "9999-12-31",
    "form": "exe",
    "reason": "a_reason_of_next_year",
}
"""Well-formed, and of nothing that there is."""

MALFORMED = ["-1", "1.5", "%00", "%ff", "..%2f..%2fetc%2fpasswd", "%E2%80%AE", "2026-02-30", str(2**63), "9" * 5000]


def elsewhere() -> Iterator[tuple[Address, str]]:
    """Something unknown in each place of each address; what is malformed in one address for each kind of place."""
    seen: set[str] = set()
    for address in TABLE:
        for part in address.place:
            bad = [UNKNOWN[part], *(() if part in seen else MALFORMED)]
            seen.add(part)
            yield from ((address, address.leading_to(part, value)) for value in bad)


def is_not_found(response: HttpResponse) -> bool:
    """Or, of a need, that it is settled already: somebody else may have been first."""
    return response.status_code == 404 or (response.status_code == 302 and response["Location"] == "/")


def test_what_is_not_there_is_not_found_and_never_breaks(people: dict[Who, Client]) -> None:
    strange = {
        (method, url[:100]): response.status_code
        for address, url in elsewhere()
        for method in address.methods
        if not is_not_found(response := ask(people[Who.ADMIN], address, method, url))
    }
    assert strange == {}


def test_what_is_not_there_is_said_in_the_look_of_the_house(people: dict[Who, Client]) -> None:
    for path in ("/nope", "/uploads/99999/", "/nights/0001-01-01/", "/tasks/none/"):
        assert "There is nothing here" in words(people[Who.VIEWER].get(path).content)
