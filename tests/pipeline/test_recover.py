"""What stood still goes on, and looking twice changes nothing."""

from datetime import datetime, timedelta
from unittest.mock import Mock

import pytest
from django.utils import timezone

from labeling import clock
from labeling.health.troubles import troubles
from labeling.models import Batch, BatchEvent, Document, Upload
from labeling.pipeline import doubt, intake, recover, urgent
from labeling.pipeline.accounts import account_in_use
from labeling.states import BatchState, DocumentState, FailureReason, UploadState, Way
from labeling.transitions import again, uploads
from tests.fake_api import FakeApi, succeeded
from tests.pipeline.story import (
    a_version,
    anew,
    at_once,
    brought_in,
    built,
    confirmed,
    played,
    sent,
    setting,
    states,
    texts,
)

pytestmark = pytest.mark.usefixtures("house")


def abandoned() -> Batch:
    """A batch whose sender died after its claim, long ago."""
    brought_in(a_version(), texts(3))
    (batch,) = built()
    long_ago = timezone.now() - timedelta(days=1)
    Batch.objects.filter(pk=batch.pk).update(state=BatchState.SUBMITTING, claimed_at=long_ago, deadline=long_ago)
    return batch


def test_an_abandoned_submission_is_frozen_once_however_many_look() -> None:
    batch = abandoned()
    now = timezone.now()
    found = at_once(*[lambda: recover.freeze_abandoned_submissions(now)] * 4)
    assert sum(found) == 1
    assert BatchEvent.objects.filter(batch=batch, new=BatchState.UNKNOWN).count() == 1
    assert states() == {DocumentState.BATCHED: 3}


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(hours=-1)])
def test_a_machine_whose_clock_is_wrong_sends_nothing_and_declares_nobody_dead(
    fake: FakeApi, monkeypatch: pytest.MonkeyPatch, ahead: timedelta
) -> None:
    """An hour ahead it would take a sender for dead that is still sending, and send everything a second time."""
    batch = abandoned()
    brought_in(a_version("urgent ones"), texts(2), way=Way.URGENT)
    monkeypatch.setattr(clock, "datetime", Mock(now=lambda zone: datetime.now(zone) + ahead))
    recover.recover(timezone.now())
    assert anew(batch).state == BatchState.SUBMITTING
    long_ago = timezone.now() - timedelta(days=1)
    Batch.objects.update(state=BatchState.UNKNOWN, doubt_since=long_ago, account=account_in_use())
    assert doubt.settle_doubt(setting(), timezone.now()) == 0
    brought_in(a_version("others"), texts(2))
    sent()
    assert urgent.drain(setting()) == 0
    assert [name for name, _ in fake.calls if name in ("create_batch", "send_message", "list_batches")] == []
    named = [each.sentence for each in troubles(setting(), timezone.now()) if each.kind == "clock"]
    assert ("3,600 s ahead of" if ahead > timedelta(0) else "3,600 s behind") in named[0]
    monkeypatch.undo()
    fake.install(monkeypatch)
    assert doubt.settle_doubt(setting(), timezone.now()) == 1
    assert urgent.drain(setting()) == 2


def test_recovering_twice_changes_nothing(fake: FakeApi) -> None:
    abandoned()
    brought_in(a_version("other"), texts(2))
    recover.recover(timezone.now())
    before = list(Batch.objects.order_by("pk").values()), list(Document.objects.order_by("pk").values())
    recover.recover(timezone.now())
    assert (list(Batch.objects.order_by("pk").values()), list(Document.objects.order_by("pk").values())) == before
    assert fake.called("create_batch") == []


def test_an_upload_is_done_when_nothing_of_it_is_queued_or_in_flight(fake: FakeApi) -> None:
    version = a_version()
    first, second = brought_in(version, ["a"]), brought_in(version, ["b"], way=Way.TONIGHT)
    empty = confirmed(version, b"text\n", name="empty.csv")
    assert intake.import_rows(empty, setting())
    sent()
    assert uploads.finish() == 1
    fake.end()
    played(fake)
    assert uploads.finish() == 2
    assert set(Upload.objects.values_list("state", flat=True)) == {UploadState.DONE}
    assert {first.pk, second.pk, empty.pk} == set(Upload.objects.values_list("pk", flat=True))


def test_what_is_sent_again_leaves_although_its_upload_is_done(fake: FakeApi) -> None:
    fake.answers.append(succeeded("nonsense"))
    brought_in(a_version(), ["a"])
    played(fake)
    uploads.finish()
    assert Document.objects.get().failure_reason == FailureReason.NOT_A_LABEL
    again.queue_again(Document.objects.all(), Way.NOW)
    played(fake)
    assert states() == {DocumentState.LABELED: 1}
