"""Every address with a stranger, an account without a role, a viewer, an operator and an admin."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from labeling.models import Night, SelectedDocument, Selection, TokenCount
from labeling.states import BatchState, FailureReason, UploadState
from labeling.urls import urlpatterns
from tests.factories import make_batch, make_document, make_request, make_result, make_task, make_upload, make_version

Kwargs = dict[str, dict[str, Any]]
CAUSE: dict[str, Any] = {"slug": "colors", "reason": FailureReason.NOT_A_LABEL}
DAY = date(2026, 11, 19)
NEED: dict[str, Any] = {"key": "decision--colors--not_a_label"}
PAGES: Kwargs = {
    "night": {},
    "nights": {},
    "night_of": {"day": DAY},
    "uploads": {},
    "upload": {"pk": 900_001},
    "upload_refused": {"pk": 900_001},
    "upload_original": {"pk": 900_001},
    "upload_labels": {"pk": 900_001, "form": "csv"},
    "documents": {},
    "document": {"pk": 900_001},
    "selection": {"key": "Ab12Cd34Ef56"},
    "selection_labels": {"key": "Ab12Cd34Ef56", "form": "csv"},
    "batches": {},
    "batch": {"pk": 900_001},
    "batch_requests": {"pk": 900_001},
    "batch_results": {"pk": 900_001},
    "doubts": {},
    "doubt": {"pk": 900_002},
    "decisions": {},
    "cause": CAUSE,
    "cause_csv": CAUSE,
    "failures_csv": {},
    "savings": {},
    "limits": {},
    "savings_csv": {},
    "tasks": {},
    "task": {"slug": "colors"},
    "task_labels": {"slug": "colors", "form": "jsonl"},
    "trial": {"slug": "colors", "pk": 900_002},
    "activity": {},
    "activity_csv": {},
    "restored": {},
    "settings": {},
}
LIVE: Kwargs = {
    "restored_live": {},
    "night_live": {},
    "night_of_live": {"day": DAY},
    "uploads_live": {},
    "upload_live": {"pk": 900_001},
    "selection_live": {"key": "Ab12Cd34Ef56"},
    "batches_live": {},
    "batch_live": {"pk": 900_001},
    "doubts_live": {},
    "doubt_live": {"pk": 900_002},
    "decisions_live": {},
    "tokens_live": {"digest": "0" * 64},
    "trial_live": {"slug": "colors", "pk": 900_002},
    "going_again_live": {},
    "cause_live": CAUSE,
}
DRAFT: dict[str, Any] = {"slug": "colors", "number": 2}
OPERATOR_PAGES: Kwargs = {
    "upload_new": {},
    "task_new": {},
    "task_edit": {"slug": "colors"},
    "version_use": DRAFT,
    "need": NEED,
    "upload_withdraw": {"pk": 900_001},
    "upload_again": {"pk": 900_001},
}
ADMIN_PAGES: Kwargs = {"erase": {}, "accounts": {}}
ADMIN_COMMANDS: Kwargs = {
    "restored_settle": {},
    "task_retention": {"slug": "colors"},
    "choose_zone": {},
    "send_test": {},
    "limit_release": {},
    "account_role": {"pk": 900_001},
    "account_active": {"pk": 900_001},
}
ADMIN_FORMS: Kwargs = {"account_add": {}, "account_password": {"pk": 900_001}}
"""Commands that answer with a page: what they show is shown once."""
COMMANDS: Kwargs = {
    "pause": {},
    "resume": {},
    "need_take": NEED,
    "leaving_hold": {"slug": "colors"},
    "leaving_release": {"slug": "colors"},
    "leaving_send": {"slug": "colors"},
    "leaving_undo": {"slug": "colors"},
    "need_give_back": NEED,
    "upload_columns": {"pk": 900_001},
    "upload_confirm": {"pk": 900_001},
    "upload_discard": {"pk": 900_001},
    "upload_way": {"pk": 900_001},
    "upload_undo": {"pk": 900_001},
    "upload_hold": {"pk": 900_001},
    "upload_release": {"pk": 900_001},
    "upload_restore": {"pk": 900_001},
    "trial_send": {"pk": 900_001},
    "trial_discard": {"pk": 900_001},
    "task_send": {"slug": "colors"},
    "task_undo": {"slug": "colors"},
    "batch_cancel": {"pk": 900_001},
    "batch_prove": {"pk": 900_001},
    "batch_again": {"pk": 900_001},
    "batch_close": {"pk": 900_001},
    "doubt_adopt": {"pk": 900_002},
    "doubt_absent": {"pk": 900_002},
    "selection_again": {"key": "Ab12Cd34Ef56"},
    "selection_withdraw": {"key": "Ab12Cd34Ef56"},
    "selection_restore": {"key": "Ab12Cd34Ef56"},
    "decision_retry": CAUSE,
    "decision_close": CAUSE,
    "decision_reopen": CAUSE,
    "decisions_retry_safe": {},
    "going_again_stop": {"slug": "colors"},
    "cause_send": CAUSE,
    "cause_try": CAUSE,
    "cause_raise": CAUSE,
    "task_pause": {"slug": "colors"},
    "task_resume": {"slug": "colors"},
    "task_move": {"slug": "colors"},
    "version_try": DRAFT,
    "version_put_in_use": DRAFT,
    "version_discard": DRAFT,
}
CHOOSING: Kwargs = {"selection_new": {}, "selection_pasted": {}}
"""Commands that change no document: whoever may look may choose what to look at."""

EDITOR_PARTS: Kwargs = {"task_preview": {}, "task_count": {}}
PRICED: Kwargs = {"cause_ticked": CAUSE, "batch_ticked": {"pk": 900_001}}
"""What the ticked rows would cost: nothing is changed."""

OPEN = {"login", "password_change", "theme", "health", "workers_health", "offline", "service_worker"}


@pytest.fixture
def house(db: None) -> None:
    """One of everything, with the ids that the addresses above name."""
    User.objects.create_user("somebody", pk=900_001)
    Night.objects.create(date=DAY, due_at=datetime(2026, 11, 19, tzinfo=UTC))
    version = make_version(make_task(slug="colors"))
    tried = make_upload(make_version(version.task, draft=True), pk=900_002, kind="trial")
    make_document(tried, text="a thing to try on")
    TokenCount.objects.create(digest="0" * 64, asked_at=timezone.now(), tokens=12, counted_at=timezone.now())
    upload = make_upload(version, pk=900_001)
    batch = make_batch(version, pk=900_001)
    make_batch(version, pk=900_002, state=BatchState.UNKNOWN)
    labeled = make_document(upload, pk=900_001, text="a red thing")
    make_result(make_request(labeled, batch=batch), answer="red")
    make_document(upload, state="failed", failure_reason=FailureReason.NOT_A_LABEL)
    make_document(upload)
    selection = Selection.objects.create(key="Ab12Cd34Ef56", created_by="ada", documents=1, frozen_at=timezone.now())
    SelectedDocument.objects.create(selection=selection, document=labeled)


def url(name: str) -> str:
    kwargs = {
        **PAGES,
        **LIVE,
        **OPERATOR_PAGES,
        **ADMIN_PAGES,
        **COMMANDS,
        **ADMIN_COMMANDS,
        **ADMIN_FORMS,
        **CHOOSING,
        **EDITOR_PARTS,
        **PRICED,
    }[name]
    return reverse(name, kwargs=kwargs) + ("?u=900001" if name == "erase" else "")


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

    from django.utils import timezone

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
