"""Only the API's word moves a batch."""

import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from labeling import batch_api
from labeling.batch_api import Fault
from labeling.models import Account, Batch
from labeling.pipeline import poll
from labeling.states import BatchState
from tests.fake_api import FakeApi
from tests.pipeline.story import a_version, anew, at, at_once, brought_in, polled, sent, setting, texts

pytestmark = pytest.mark.usefixtures("house")

MIRROR = ("state", "processing_status", "processing", "succeeded", "errored", "canceled", "expired", "ended_at")


def at_the_api(count: int = 3) -> Batch:
    brought_in(a_version(), texts(count))
    return sent()[0]


def mirror(batch: Batch) -> dict[str, Any]:
    return {name: getattr(anew(batch), name) for name in MIRROR}


def test_a_batch_that_goes_on_stays_as_it_is(fake: FakeApi) -> None:
    batch = at_the_api()
    before = mirror(batch)
    polled()
    assert mirror(batch) == before
    assert anew(batch).polled_at is not None


def test_the_end_is_seen_with_its_counts_and_its_time(fake: FakeApi) -> None:
    batch = at_the_api()
    fake.end()
    polled()
    batch = anew(batch)
    assert (batch.state, batch.succeeded, batch.processing) == (BatchState.ENDED, 3, 0)
    assert batch.ended_at == fake.batches[str(batch.message_batch_id)].ended_at


@pytest.mark.parametrize(("fault", "status"), [(Fault.TRANSIENT, 404), (Fault.TRANSIENT, 500), (Fault.PERMANENT, 401)])
def test_a_failed_poll_is_noted_and_changes_nothing_else(fake: FakeApi, fault: Fault, status: int) -> None:
    batch = at_the_api()
    before = mirror(batch)
    fake.fail("retrieve_batch", fault, "It went wrong.", status=status)
    polled()
    assert mirror(batch) == before
    assert anew(batch).note == "The last poll failed: It went wrong."
    polled()
    assert anew(batch).note == ""


def test_a_cancel_made_elsewhere_is_seen(fake: FakeApi) -> None:
    batch = at_the_api()
    fake.cancel_batch(str(batch.message_batch_id))
    polled()
    assert anew(batch).state == BatchState.CANCELING
    fake.end()
    polled()
    assert anew(batch).state == BatchState.ENDED
    assert list(batch.events.values_list("new", flat=True))[-2:] == ["canceling", "ended"]


def test_each_batch_is_asked_for_once_in_its_time(monkeypatch: pytest.MonkeyPatch, fake: FakeApi) -> None:
    settings = setting(poll_seconds=60)
    brought_in(a_version(), ["a"])
    now = at(monkeypatch, timezone.now())
    sent(settings)
    assert poll.poll_due(settings, now + timedelta(seconds=59)) == 0
    assert poll.poll_due(settings, now + timedelta(seconds=60)) == 1
    assert poll.poll_due(settings, now + timedelta(seconds=119)) == 0
    assert poll.poll_due(settings, now + timedelta(seconds=120)) == 1


def test_two_ticks_at_once_ask_once(fake: FakeApi) -> None:
    at_the_api()
    Batch.objects.update(next_poll_at=None)
    settings = setting(poll_seconds=60)
    found = at_once(*[lambda: poll.poll_due(settings, timezone.now())] * 4)
    assert sorted(found) == [0, 0, 0, 1]
    assert len(fake.called("retrieve_batch")) == 1


def test_an_old_answer_that_arrives_late_does_not_overwrite_the_end(
    monkeypatch: pytest.MonkeyPatch, fake: FakeApi
) -> None:
    batch = at_the_api()
    asked, ended = threading.Event(), threading.Event()
    old = fake.retrieve_batch(str(batch.message_batch_id))

    def slow(_: str) -> Any:
        asked.set()
        assert ended.wait(10)
        return old

    def slow_poll() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(batch_api, "retrieve_batch", slow)
            poll.poll(anew(batch), timezone.now())

    def quick_poll() -> None:
        assert asked.wait(10)
        monkeypatch.setattr(batch_api, "retrieve_batch", fake.retrieve_batch)
        fake.end()
        poll.poll(anew(batch), timezone.now())
        ended.set()

    assert at_once(slow_poll, quick_poll) == [None, None]
    batch = anew(batch)
    assert (batch.state, batch.processing_status, batch.processing) == (BatchState.ENDED, "ended", 0)


def test_a_status_that_is_not_known_yet_stops_nothing(fake: FakeApi) -> None:
    batch = at_the_api()
    batch_id = str(batch.message_batch_id)
    fake.batches[batch_id] = replace(fake.batches[batch_id], processing_status="waiting_for_a_free_machine")
    polled()
    assert anew(batch).state == BatchState.IN_PROGRESS
    fake.end()
    polled()
    assert anew(batch).state == BatchState.ENDED


def test_an_adopted_batch_learns_when_the_api_created_it(fake: FakeApi) -> None:
    """Its money belongs to that day."""
    batch = at_the_api()
    created_at = batch.created_at
    Batch.objects.update(created_at=None)
    polled()
    assert anew(batch).created_at == created_at


def test_a_batch_of_another_key_is_not_asked_for(fake: FakeApi) -> None:
    at_the_api()
    Batch.objects.update(account=Account.objects.create(base_url="https://api.example.com", workspace_id="w"))
    polled()
    assert fake.called("retrieve_batch") == []
    assert "so it is not polled" in Batch.objects.get().note
