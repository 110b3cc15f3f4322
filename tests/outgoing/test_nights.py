"""When a night is complete or failed: one ping, one report, whatever runs twice."""

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from labeling.configuration import Configuration
from labeling.health.troubles import troubles
from labeling.models import Batch, Document, Night, Notice, Upload
from labeling.outgoing import delivery, nights
from labeling.pipeline import pausing
from labeling.states import BatchState, NoticeKind, Outcome, UploadState
from tests.factories import make_batch, make_document, make_request, make_result, make_task, make_upload, make_version
from tests.outgoing.receiver import Receiver

pytestmark = pytest.mark.django_db

DUE = datetime.fromisoformat("2026-11-22T00:00:00+00:00")
MORNING = DUE + timedelta(hours=7)


def configured(**changes: Any) -> Configuration:
    return Configuration.model_validate({"min_free_bytes": 0, **changes})


@pytest.fixture
def night() -> Night:
    return Night.objects.create(date=date(2026, 11, 22), due_at=DUE)


@pytest.fixture
def due_upload() -> Upload:
    """It came in before the night was due."""
    return make_upload(make_version(make_task(slug="mail", name="Customer mail")), ready_at=DUE - timedelta(hours=2))


@pytest.fixture
def pings(receiver: Receiver, set_addresses: Callable[..., object]) -> Receiver:
    set_addresses(PING_URL=f"{receiver.url}/ping", PING_FAIL_URL=f"{receiver.url}/ping/fail")
    return receiver


def at(now: datetime, monkeypatch: pytest.MonkeyPatch, settings: Configuration | None = None) -> None:
    """One round of the looks at nights, and what it makes is delivered."""
    monkeypatch.setattr(timezone, "now", lambda: now)
    nights.look(settings or configured(), now)
    delivery.deliver(5)


def sent_batch(night: Night, upload: Upload, *, answered: int = 2, lost: int = 1, **columns: Any) -> Batch:
    """A batch of the night that was ingested: some answers, some lines that never came."""
    batch = make_batch(upload.version, night=night, state=BatchState.ENDED)
    for _ in range(answered):
        make_result(make_request(make_document(upload), batch=batch), answer="red")
    for _ in range(lost):
        make_request(make_document(upload), batch=batch, outcome=Outcome.MISSING)
    Batch.objects.filter(pk=batch.pk).update(
        **{
            "state": BatchState.INGESTED,
            "ingested_at": DUE + timedelta(minutes=100),
            "list_usd": Decimal("55.16"),
            "paid_usd": Decimal("27.58"),
            **columns,
        }
    )
    Night.objects.filter(pk=night.pk, left_at=None).update(left_at=DUE)
    night.refresh_from_db()
    return batch


def test_a_night_without_work_is_complete_at_once_and_pinged_once(
    night: Night, pings: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for minute in range(3):
        at(DUE + timedelta(minutes=minute), monkeypatch)
    assert [(call.method, call.path) for call in pings.calls] == [("GET", "/ping")]
    night.refresh_from_db()
    assert night.completed_at == DUE


def test_a_night_is_complete_when_its_last_batch_is_read(
    night: Night, due_upload: Upload, pings: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_document(due_upload)
    at(DUE, monkeypatch)
    assert pings.calls == []
    batch = make_batch(due_upload.version, night=night)
    Night.objects.update(left_at=DUE)
    Document.objects.update(way="now")
    at(DUE + timedelta(minutes=5), monkeypatch)
    assert pings.calls == []
    Batch.objects.filter(pk=batch.pk).update(state=BatchState.INGESTED, ended_at=DUE, ingested_at=DUE)
    at(DUE + timedelta(minutes=90), monkeypatch)
    assert [call.path for call in pings.calls] == ["/ping"]


def test_an_upload_that_was_importing_at_the_hour_keeps_the_night_open(
    night: Night, pings: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_upload(state=UploadState.IMPORTING, confirmed_at=DUE - timedelta(minutes=5))
    at(DUE + timedelta(minutes=1), monkeypatch)
    assert pings.calls == []
    at(DUE + timedelta(minutes=121), monkeypatch)
    assert [call.path for call in pings.calls] == ["/ping"]


def test_what_came_in_after_the_hour_belongs_to_the_next_night(
    night: Night, pings: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_document(make_upload(ready_at=DUE + timedelta(minutes=1)))
    at(DUE + timedelta(minutes=2), monkeypatch)
    assert [call.path for call in pings.calls] == ["/ping"]


def test_a_night_that_was_not_sent_is_a_trouble_and_a_failed_ping(
    night: Night, due_upload: Upload, pings: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_document(due_upload)
    at(DUE + timedelta(minutes=29), monkeypatch)
    assert pings.calls == []
    at(DUE + timedelta(minutes=31), monkeypatch)
    at(DUE + timedelta(minutes=32), monkeypatch)
    assert [call.path for call in pings.calls] == ["/ping/fail"]
    (trouble,) = [each for each in troubles(configured(), DUE + timedelta(minutes=31)) if each.kind == "night_not_sent"]
    assert trouble.sentence == "The night of 22 Nov was due at 00:00 UTC, and nothing of it was sent."


def test_a_forgotten_pause_is_told_and_a_task_that_a_person_holds_is_not(
    night: Night, due_upload: Upload, pings: Receiver
) -> None:
    make_document(due_upload)
    late = DUE + timedelta(minutes=31)
    pausing.pause_everything(by="anna", reason="a look")
    assert "night_not_sent" in {each.kind for each in troubles(configured(), late)}
    pausing.resume_everything(by="anna")
    pausing.pause_task(due_upload.version.task, by="anna", reason="a look")
    assert "night_not_sent" not in {each.kind for each in troubles(configured(), late)}


def test_a_late_night_that_comes_through_is_well_in_the_end(
    night: Night, due_upload: Upload, pings: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_document(due_upload)
    at(DUE + timedelta(minutes=31), monkeypatch)
    Document.objects.update(way="now")
    at(DUE + timedelta(minutes=50), monkeypatch)
    assert [call.path for call in pings.calls] == ["/ping/fail", "/ping"]


def test_a_night_without_one_answer_failed(
    night: Night, due_upload: Upload, pings: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent_batch(night, due_upload, answered=0, lost=2)
    at(DUE + timedelta(hours=2), monkeypatch)
    assert [call.path for call in pings.calls] == ["/ping/fail"]


def test_a_watcher_that_is_down_is_called_again(night: Night, pings: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    pings.answers = [500, 500]
    for minute in range(10):
        at(DUE + timedelta(minutes=minute), monkeypatch)
    assert len(pings.calls) == 3
    assert Notice.objects.get(kind=NoticeKind.PING).delivered_at is not None


GOLDEN = """\
The night of 22 Nov 2026, due at 00:00 (UTC)

4 documents were sent in 1 batch.
2 were answered; the last results were stored at 01:40 (UTC).
Without an answer: 2 came back without a line.
It is complete.

Paid $27.58. In real time it would have been $55.16: $27.58 saved.
The price of 1 result is not known; not in these sums.

Needs you:
- No worker of the queue ticks has beaten for three minutes; last beat: never.
- No worker of the queue bulk has beaten for three minutes; last beat: never.
- No worker of the queue urgent has beaten for three minutes; last beat: never.
- Everything is paused by anna.
- 2 documents of Customer mail: No result line came back

http://127.0.0.1:8000/
"""


def test_the_report_says_what_the_night_did_and_what_needs_somebody(
    night: Night, due_upload: Upload, chat: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent_batch(night, due_upload, answered=2, lost=2, unpriced_results=1)
    pausing.pause_everything(by="anna", reason="the patient Erika Mustermann")
    at(MORNING - timedelta(minutes=1), monkeypatch)
    assert Notice.objects.count() == 0
    at(MORNING, monkeypatch)
    at(MORNING + timedelta(minutes=1), monkeypatch)
    (call,) = chat.calls
    said = json.loads(call.body)
    assert said["title"] == "Nightshift sandbox, night of 22 Nov: 4 sent, 2 answered, 5 things need you"
    assert Notice.objects.get().body == GOLDEN
    assert said["message"].strip() == GOLDEN.strip()


def test_a_report_in_the_middle_of_the_night_says_what_is_not_known(
    night: Night, due_upload: Upload, chat: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = make_batch(due_upload.version, night=night)
    make_request(make_document(due_upload), batch=batch)
    at(MORNING, monkeypatch)
    body = Notice.objects.get().body
    assert "1 document was sent in 1 batch.\n0 were answered." in body
    assert "Not complete: 1 batch is still open." in body
    assert "What it cost is not known yet: no results are stored." in body


def test_a_report_on_completion_comes_with_it_and_at_the_hour_at_the_latest(
    night: Night, due_upload: Upload, chat: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = configured(report_when="complete")
    batch = make_batch(due_upload.version, night=night)
    at(DUE + timedelta(hours=1), monkeypatch, settings)
    assert chat.calls == []
    Batch.objects.filter(pk=batch.pk).update(state=BatchState.INGESTED, ended_at=DUE, ingested_at=DUE)
    at(DUE + timedelta(hours=2), monkeypatch, settings)
    at(MORNING, monkeypatch, settings)
    assert len(chat.calls) == 1


def test_a_fresh_installation_reports_no_night_before_it(
    night: Night, chat: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(MORNING + timedelta(hours=2), monkeypatch)
    assert chat.calls == []


def test_a_report_that_is_off_is_off(night: Night, chat: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    at(MORNING, monkeypatch, configured(report_when="off"))
    assert chat.calls == []


def test_the_hour_of_the_report_is_in_the_zone_of_the_site(
    night: Night, chat: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = configured(time_zone="Asia/Tokyo", night="09:00", report_at="10:00")
    at(DUE + timedelta(minutes=59), monkeypatch, settings)
    assert chat.calls == []
    at(DUE + timedelta(minutes=60), monkeypatch, settings)
    assert "due at 09:00 (Asia/Tokyo)" in Notice.objects.get().body
