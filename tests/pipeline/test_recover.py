"""What stood still goes on, and looking twice changes nothing."""

from datetime import timedelta

import pytest
from django.utils import timezone

from labeling.models import Batch, BatchEvent, Document, Upload
from labeling.pipeline import intake, recover
from labeling.states import BatchState, DocumentState, FailureReason, UploadState, Way
from labeling.transitions import again, uploads
from tests.fake_api import FakeApi, succeeded
from tests.pipeline.story import a_version, at_once, brought_in, built, confirmed, played, sent, setting, states, texts

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
