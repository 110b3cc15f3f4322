"""A claim asks in its own statement who may leave, whatever was counted before it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from labeling.configuration import installation
from labeling.messages import custom_ids
from labeling.models import Batch, Document, Night, Upload
from labeling.pipeline import hold
from labeling.states import UploadState, Way
from labeling.transitions import claims
from tests.pipeline.story import a_version, brought_in, built

pytestmark = pytest.mark.usefixtures("house")
HOUR = timedelta(hours=1)


def claimed(upload: Upload, *, due_ago: timedelta | None = None) -> int:
    """How many documents a claim would take that believes all of the upload to wait; it takes none for good."""
    with transaction.atomic():
        taken = _into_real_time() if upload.way == Way.URGENT else _into_a_batch(upload, due_ago)
        transaction.set_rollback(True)
    return taken


def _into_a_batch(upload: Upload, due_ago: timedelta | None) -> int:
    now = timezone.now()
    night = None if due_ago is None else Night.objects.create(date=now.date(), due_at=now - due_ago)
    batch = Batch.objects.create(version=upload.version, way=upload.way, night=night, token=custom_ids.new_token())
    return claims.claim_into_batch(
        batch,
        installation=installation(),
        request_bytes=1,
        most={upload.pk: 9},
        most_bytes=10**9,
        worst=None,
        most_usd=None,
        now=now,
    ).requests


def _into_real_time() -> int:
    now = timezone.now()
    calls = claims.claim_urgent(
        installation=installation(),
        account_id=1,
        most=9,
        concurrency=9,
        deadline=now + HOUR,
        now=now,
        gate_tasks=[],
        worst={},
        room_usd=lambda: None,
    )
    return len(calls)


def held(upload: Upload) -> None:
    assert hold.hold_upload(upload, by="ann", reason="wrong prices", until=None)


def not_whole(upload: Upload) -> None:
    Upload.objects.filter(pk=upload.pk).update(state=UploadState.IMPORTING, ready_at=None, counts_from=None)


def backing_off(upload: Upload) -> None:
    Document.objects.filter(upload=upload).update(not_before=timezone.now() + HOUR)


@pytest.mark.parametrize("way", [Way.NOW, Way.URGENT])
@pytest.mark.parametrize("keep_back", [held, not_whole, backing_off])
def test_what_may_not_leave_is_not_claimed(way: Way, keep_back: Callable[[Upload], None]) -> None:
    upload = brought_in(a_version(), ["a", "b"], way=way)
    assert claimed(upload) == 2
    keep_back(upload)
    assert claimed(upload) == 0


@pytest.mark.parametrize("way", [Way.NOW, Way.URGENT])
def test_a_copy_is_not_claimed_in_the_place_of_a_leader(way: Way) -> None:
    version = a_version()
    brought_in(version, ["a"])
    assert len(built()) == 1
    assert claimed(brought_in(version, ["a", "b"], way=way)) == 1


def test_a_night_takes_what_was_queued_before_it_was_due() -> None:
    upload = brought_in(a_version(), ["a"], way=Way.TONIGHT)
    assert claimed(upload, due_ago=-HOUR) == 1
    assert claimed(upload, due_ago=HOUR) == 0
