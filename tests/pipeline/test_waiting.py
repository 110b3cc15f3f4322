"""Why it waits: one reason of the closed list for every waiting document, however it is asked for."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from labeling import waiting
from labeling.batch_api import Fault
from labeling.configuration import Configuration
from labeling.models import Document, LabelingTask, Setting, Upload
from labeling.pipeline import hold, moving, pausing, send_now, submit
from labeling.states import BatchState, HoldKind, WaitingReason, Way
from labeling.transitions import gates, versions, ways
from tests.fake_api import FakeApi, expired
from tests.pipeline.story import (
    a_version,
    brought_in,
    built,
    confirmed,
    played,
    sent,
    setting,
    texts,
)
from tests.pipeline.test_trial import tried

pytestmark = pytest.mark.usefixtures("house")


def reasons(settings: Configuration | None = None) -> dict[WaitingReason | None, int]:
    """As counted by groups, after each single document was asked and gave the same."""
    settings = settings or setting()
    found = waiting.reasons(settings)
    single = [waiting.of_document(document, settings) for document in Document.objects.waiting()]
    assert Counter(why.reason for why in single if why) == Counter(found)
    by_upload = waiting.of_uploads(settings, list(Upload.objects.values_list("pk", flat=True)))
    assert sum(w.documents for all_of in by_upload.values() for w in all_of) == sum(found.values())
    by_task = waiting.of_tasks(settings)
    assert sum(w.documents for all_of in by_task.values() for w in all_of) == sum(found.values())
    return found


def why(settings: Configuration | None = None) -> waiting.Why:
    (only,) = waiting.of_everything(settings or setting())
    return only.why


def test_nothing_keeps_what_leaves_with_the_next_tick(fake: FakeApi) -> None:
    brought_in(a_version(), texts(3))
    assert reasons() == {None: 3}


def test_what_is_being_moved_to_the_version_in_use_says_so(fake: FakeApi) -> None:
    first = a_version()
    brought_in(first, texts(3))
    versions.move_to(first.task, a_version(instructions="Other words."))
    assert reasons() == {WaitingReason.MOVING: 3}
    assert built() == []
    moving.move_waiting()
    assert reasons() == {None: 3}


def test_tonight_says_when(fake: FakeApi) -> None:
    brought_in(a_version(), texts(3), way=Way.TONIGHT)
    assert reasons() == {WaitingReason.TONIGHT: 3}
    until = why().until
    assert until
    assert timezone.now() < until <= timezone.now() + timedelta(days=1)


def test_what_a_night_left_behind_leaves_with_the_next_tick(fake: FakeApi) -> None:
    brought_in(a_version(), texts(3), way=Way.TONIGHT)
    Upload.objects.update(counts_from=timezone.now() - timedelta(days=2))
    assert reasons() == {None: 3}
    ways.change_way(Document.objects.filter(row_number=1), Way.NOW)
    ways.change_way(Document.objects.filter(row_number=1), Way.TONIGHT)
    assert reasons() == {None: 2, WaitingReason.TONIGHT: 1}


def test_what_was_sent_now_says_until_when_it_can_be_taken_back(fake: FakeApi) -> None:
    upload = brought_in(a_version(), texts(3), way=Way.TONIGHT)
    order = send_now.send_upload(upload, Way.NOW, by="ann")
    assert order
    assert (why().reason, why().until, why().by) == (WaitingReason.TONIGHT, order.leaves_at, "ann")


def test_an_import_that_is_not_whole(fake: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    from labeling.pipeline import intake

    upload = confirmed(a_version(), b"a\nb\n")
    monkeypatch.setattr(intake, "_make_ready", lambda *_: False)
    intake.import_rows(upload, setting())
    assert reasons() == {WaitingReason.IMPORTING: 2}


def test_a_held_upload_says_who_since_when_and_why(fake: FakeApi) -> None:
    upload = brought_in(a_version(), texts(3))
    brought_in(a_version("other"), texts(2))
    until = timezone.now() + timedelta(hours=5)
    hold.hold_upload(upload, by="ann", reason="wrong prices", until=until)
    assert reasons() == {WaitingReason.HELD: 3, None: 2}
    held = waiting.of_uploads(setting(), [upload.pk])[upload.pk][0].why
    assert (held.by, held.since, held.until) == ("ann", upload.held_at, until)
    assert held.sentence == "Held by ann: wrong prices."


def test_a_held_task(fake: FakeApi) -> None:
    version = a_version()
    brought_in(version, texts(3))
    hold.hold_task(version.task, by="ann", reason="wrong prices", until=None)
    assert reasons() == {WaitingReason.HELD: 3}


def test_a_gate_that_a_canary_or_a_refusal_closed(fake: FakeApi) -> None:
    version = a_version()
    brought_in(version, texts(3))
    gates.close_gate(version.task, by="canary", kind="canary", reason="It was cut off.")
    assert reasons() == {WaitingReason.CANARY: 3}
    gates.open_gate(version.task)
    gates.close_gate(version.task, by="submit", kind="refusal", reason="The model is gone.")
    assert reasons() == {WaitingReason.PAUSED: 3}


def test_everything_paused(fake: FakeApi) -> None:
    brought_in(a_version(), texts(3))
    pausing.pause_everything(by="ann", reason="fire")
    assert reasons() == {WaitingReason.PAUSED: 3}
    assert "ann" in why().sentence


def test_a_trial_holds_all_but_what_is_tried(fake: FakeApi) -> None:
    upload = tried(a_version(), texts(10), 3)
    assert upload.hold_kind == HoldKind.TRIAL
    assert reasons() == {WaitingReason.TRIAL: 7, None: 3}


def test_a_version_that_waits_for_its_canary(fake: FakeApi) -> None:
    brought_in(a_version(), texts(101))
    assert reasons(setting(canary=True)) == {WaitingReason.CANARY: 101}


def test_a_copy_follows(fake: FakeApi) -> None:
    brought_in(a_version(), ["a", "a", "b"])
    assert reasons() == {None: 2, WaitingReason.COPY: 1}


def test_a_copy_of_what_is_in_doubt(fake: FakeApi) -> None:
    version = a_version()
    brought_in(version, ["a", "b"])
    (batch,) = built()
    fake.fail("create_batch", Fault.UNCLEAR)
    submit.submit(batch, setting())
    batch.refresh_from_db()
    assert batch.state == BatchState.UNKNOWN
    brought_in(version, ["a"])
    assert reasons() == {WaitingReason.DOUBT: 1}


def test_what_goes_again_after_a_short_wait(fake: FakeApi) -> None:
    fake.answers.append(expired())
    brought_in(a_version(), ["a"])
    played(fake, setting(retry_backoff_seconds=60))
    assert reasons() == {WaitingReason.BACK_OFF: 1}
    assert why().until == Document.objects.get().not_before


def test_real_time_calls_that_the_api_asked_to_wait(fake: FakeApi) -> None:
    brought_in(a_version(), texts(2), way=Way.URGENT)
    until = timezone.now() + timedelta(minutes=1)
    Setting.objects.create(key="urgent_not_before", value=until.isoformat())
    assert reasons() == {WaitingReason.RETRY_AFTER: 2}
    assert why().until == until


def test_a_full_queue(fake: FakeApi) -> None:
    brought_in(a_version(), texts(3))
    sent(setting(queue_limit=2))
    assert reasons(setting(queue_limit=2)) == {WaitingReason.QUEUE_FULL: 1}


def test_every_reason_of_the_list_is_brought_about_here() -> None:
    """`limit` comes with the caps of money."""
    source = Path(__file__).read_text("utf-8")
    lacking = [reason.name for reason in WaitingReason if f"WaitingReason.{reason.name}" not in source]
    assert lacking == ["LIMIT"]


def test_the_question_costs_the_same_for_many_uploads(fake: FakeApi) -> None:
    version = a_version()
    brought_in(version, [*texts(3), "same", "same"])
    with CaptureQueriesContext(
        connection,
    ) as few:
        waiting.of_everything(setting())
    for n in range(4):
        brought_in(version, texts(3, f"u{n}"))
    with CaptureQueriesContext(connection) as many:
        waiting.of_everything(setting())
    assert len(many) == len(few) <= 9


def test_an_empty_house_waits_for_nothing(fake: FakeApi) -> None:
    assert reasons() == {}
    assert not LabelingTask.objects.exists()
