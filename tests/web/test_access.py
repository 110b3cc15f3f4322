"""Every address with a stranger, an account without a role, a viewer, an operator and an admin."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from labeling.states import BatchState, UploadState
from labeling.urls import urlpatterns
from tests.factories import make_batch, make_upload
from tests.web.addresses import (
    ADMIN_COMMANDS,
    ADMIN_FORMS,
    ADMIN_PAGES,
    CHOOSING,
    COMMANDS,
    EDITOR_PARTS,
    LIVE,
    OPEN,
    OPERATOR_PAGES,
    PAGES,
    PRICED,
    furnish,
    url,
)


@pytest.fixture
def house(db: None) -> None:
    """One of everything."""
    furnish()


def test_every_address_is_in_one_of_the_tables_here() -> None:
    tables = (PAGES, LIVE, OPERATOR_PAGES, ADMIN_PAGES, COMMANDS, ADMIN_COMMANDS, ADMIN_FORMS, CHOOSING, EDITOR_PARTS)
    known = {*OPEN, *PRICED}.union(*tables)
    assert {pattern.name for pattern in urlpatterns} == known


@pytest.mark.parametrize("name", [*PAGES, *LIVE, *OPERATOR_PAGES, *ADMIN_PAGES])
def test_a_stranger_is_sent_to_sign_in(house: None, client: Client, name: str) -> None:
    response = client.get(url(name))
    assert (response.status_code, response["Location"].partition("?")[0]) == (302, "/login")


@pytest.mark.parametrize("name", [*COMMANDS, *ADMIN_COMMANDS, *ADMIN_FORMS, *CHOOSING])
def test_a_stranger_commands_nothing(house: None, client: Client, name: str) -> None:
    assert client.post(url(name))["Location"].startswith("/login")


@pytest.mark.parametrize("name", LIVE)
def test_a_live_part_sends_who_is_signed_out_to_sign_in_instead_of_showing_a_form(
    house: None, client: Client, name: str
) -> None:
    response = client.get(url(name), headers={"HX-Request": "true"})
    assert (response.status_code, response["HX-Redirect"]) == (401, "/login")


@pytest.mark.parametrize("name", [*PAGES, *LIVE, *OPERATOR_PAGES, *ADMIN_PAGES])
def test_an_account_without_a_role_reads_what_it_lacks(house: None, nobody: Client, name: str) -> None:
    response = nobody.get(url(name))
    assert response.status_code == 403
    assert "This is not for your role" in response.content.decode()


@pytest.mark.parametrize("name", [*PAGES, *LIVE])
def test_a_viewer_sees_everything(house: None, viewer: Client, name: str) -> None:
    response = viewer.get(url(name))
    assert response.status_code == 200
    assert b"".join(response)


@pytest.mark.parametrize("name", [*OPERATOR_PAGES, *ADMIN_PAGES])
def test_a_viewer_opens_no_form_that_changes_something(house: None, viewer: Client, name: str) -> None:
    assert viewer.get(url(name)).status_code == 403


@pytest.mark.parametrize("name", CHOOSING)
def test_a_viewer_may_choose(house: None, viewer: Client, name: str) -> None:
    assert viewer.post(url(name)).status_code == 302


@pytest.mark.parametrize("name", CHOOSING)
def test_an_account_without_a_role_chooses_nothing(house: None, nobody: Client, name: str) -> None:
    assert nobody.post(url(name)).status_code == 403


@pytest.mark.parametrize("name", [*COMMANDS, *ADMIN_COMMANDS, *ADMIN_FORMS])
def test_a_viewer_commands_nothing(house: None, viewer: Client, name: str) -> None:
    assert viewer.post(url(name), {"way": "now", "reason": "because"}).status_code == 403


@pytest.mark.parametrize("name", [*PAGES, *LIVE, *OPERATOR_PAGES])
def test_an_operator_opens_every_page_of_the_work(house: None, operator: Client, name: str) -> None:
    assert operator.get(url(name)).status_code == 200


@pytest.mark.parametrize("name", COMMANDS)
def test_an_operator_may_command(house: None, operator: Client, name: str) -> None:
    response = operator.post(url(name), {"way": "now", "reason": "because"})
    assert response.status_code == 302
    assert not response["Location"].startswith("/login")


@pytest.mark.parametrize("name", ADMIN_COMMANDS)
def test_only_an_admin_may_command_what_is_an_admins(house: None, operator: Client, admin: Client, name: str) -> None:
    assert operator.post(url(name)).status_code == 403
    response = admin.post(url(name))
    assert (response.status_code, response["Location"].startswith("/login")) == (302, False)


@pytest.mark.parametrize("name", ADMIN_FORMS)
def test_only_an_admin_gets_a_password_to_hand_over(house: None, operator: Client, admin: Client, name: str) -> None:
    assert operator.post(url(name), {"name": "nora", "role": "viewer"}).status_code == 403
    assert "shown only now" in admin.post(url(name), {"name": "nora", "role": "viewer"}).content.decode()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_a_post(house: None, operator: Client, name: str) -> None:
    assert operator.get(url(name)).status_code == 405


@pytest.mark.parametrize("name", [*COMMANDS, *CHOOSING])
def test_a_command_needs_the_token_of_its_page(house: None, operator: Client, name: str) -> None:
    careful = Client(enforce_csrf_checks=True)
    careful.cookies = operator.cookies
    response = careful.post(url(name), {"way": "now", "reason": "because"})
    assert response.status_code == 403
    assert "Nothing was done" in response.content.decode()


@pytest.mark.parametrize("name", [*EDITOR_PARTS, *PRICED])
def test_the_parts_of_the_editor_and_the_prices_are_for_operators(
    house: None, client: Client, viewer: Client, operator: Client, name: str
) -> None:
    assert operator.post(url(name)).status_code == 200
    assert viewer.post(url(name)).status_code == 403
    assert client.post(url(name))["Location"].startswith("/login")


def test_settings_are_seen_by_all_and_changed_by_admins(
    house: None, viewer: Client, operator: Client, admin: Client
) -> None:
    for client in (viewer, operator):
        assert "needs the role admin" in client.get("/settings/").content.decode()
        assert client.post("/settings/", {"max_attempts": "9"}).status_code == 403
    assert "needs the role admin" not in admin.get("/settings/").content.decode()


@pytest.mark.parametrize(
    "path", ["/nope", "/uploads/99999/", "/documents/123456789012345678901234567890/", "/batches/77/", "/tasks/none/"]
)
def test_what_does_not_exist_is_said_in_the_look_of_the_house(house: None, viewer: Client, path: str) -> None:
    response = viewer.get(path)
    assert response.status_code == 404
    assert "There is nothing here" in response.content.decode()


def test_the_health_of_the_workers_needs_no_account(db: None, client: Client) -> None:
    response = client.get(reverse("workers_health"))
    assert response.status_code == 503
    assert response.json() == {"database": True, "queues": {"ticks": False, "bulk": False, "urgent": False}}


def test_the_health_is_well_when_every_queue_has_beaten(db: None, client: Client) -> None:
    from labeling.health.heartbeat import beat

    for queue in ("ticks", "bulk", "urgent"):
        beat(queue)
    assert client.get(reverse("workers_health")).status_code == 200


def test_the_health_of_the_house_is_a_word_for_each_part_and_nothing_secret(db: None, client: Client) -> None:
    from labeling import ledger
    from labeling.health.heartbeat import beat

    sick = client.get("/healthz")
    assert (sick.status_code, sick.json()) == (503, {"database": "up", "queues": "silent", "book": "unchecked"})
    for queue in ("ticks", "bulk", "urgent"):
        beat(queue)
    ledger.check()
    well = client.get("/healthz")
    assert (well.status_code, well.json()) == (200, {"database": "up", "queues": "beating", "book": "balances"})


@pytest.mark.parametrize(("columns", "word"), [({"holds": False}, "wrong"), ({"holds": True}, "stale")])
def test_a_book_that_is_wrong_or_was_not_checked_for_long_is_not_well(
    db: None, client: Client, columns: dict[str, bool], word: str
) -> None:
    from datetime import timedelta

    from labeling.models import LedgerCheck

    check = LedgerCheck.objects.create(identities=[], **columns)
    LedgerCheck.objects.filter(pk=check.pk).update(checked_at=timezone.now() - timedelta(hours=1))
    response = client.get("/healthz")
    assert (response.status_code, response.json()["book"]) == (503, word)


def test_the_theme_is_a_cookie_and_leads_nowhere_else(db: None, client: Client) -> None:
    response = client.post(reverse("theme"), {"theme": "dark", "next": "https://elsewhere.example/"})
    assert (response["Location"], response.cookies["nightshift_theme"].value) == ("/", "dark")
    assert 'data-theme="dark"' in client.get("/login").content.decode()


@pytest.mark.parametrize("state", [BatchState.UNKNOWN, BatchState.BUILDING, BatchState.REJECTED, BatchState.ABSENT])
def test_a_batch_has_a_page_in_every_state(db: None, viewer: Client, state: BatchState) -> None:
    batch = make_batch(state=state)
    assert viewer.get(f"/batches/{batch.pk}/").status_code == 200


@pytest.mark.parametrize("state", list(UploadState))
def test_an_upload_has_a_page_in_every_state(db: None, operator: Client, state: UploadState) -> None:
    upload = make_upload(state=state)
    assert upload.file_name in operator.get(f"/uploads/{upload.pk}/").content.decode()
