"""A 429 with retry-after speaks for all calls of its lane: no other begins before its time, and nobody sleeps."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from labeling import asked_to_wait
from labeling.batch_api import Fault
from labeling.models import Batch
from labeling.pipeline import cancel, doubt, ingest, poll, submit
from labeling.states import BatchState, Lane
from tests.fake_api import FakeApi
from tests.pipeline.story import a_version, again, anew, at, brought_in, built, ended, sent, setting, texts

pytestmark = pytest.mark.usefixtures("house")

LIMITED: dict[str, Any] = {"fault": Fault.TRANSIENT, "status": 429, "retry_after": 300}


@pytest.mark.parametrize("function", ["create_batch", "list_batches"])
def test_when_one_batch_is_asked_to_wait_no_other_is_tried(
    fake: FakeApi, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    now = at(monkeypatch, timezone.now())
    for slug in ("colors", "shapes"):
        brought_in(a_version(slug), texts(3, slug))
    first, second = again(built())
    fake.fail(function, **LIMITED)
    submit.submit(first, setting())
    before = len(fake.calls)
    assert not submit.submit(second, setting())
    at(monkeypatch, now + timedelta(seconds=299))
    assert not submit.submit(second, setting())
    assert len(fake.calls) == before
    at(monkeypatch, now + timedelta(seconds=300))
    assert [submit.submit(anew(batch), setting()) for batch in (first, second)] == [True, True]


def one_to_poll(fake: FakeApi) -> Callable[[], object]:
    sent()
    Batch.objects.update(next_poll_at=None)
    return lambda: poll.poll_due(setting(), timezone.now())


def one_to_cancel(fake: FakeApi) -> Callable[[], object]:
    sent()
    Batch.objects.update(cancel_requested_at=timezone.now(), cancel_requested_by="ann")
    return cancel.ask_for_cancels


def one_to_fetch(fake: FakeApi) -> Callable[[], object]:
    (batch,) = ended(fake)
    return lambda: ingest.ingest(anew(batch), setting())


def one_to_settle(fake: FakeApi) -> Callable[[], object]:
    fake.lose_answer_of_create()
    (batch,) = sent()
    assert batch.state == BatchState.UNKNOWN
    return lambda: doubt.settle_doubt(setting(), timezone.now())


@pytest.mark.parametrize(
    ("prepared", "function"),
    [
        (one_to_poll, "retrieve_batch"),
        (one_to_cancel, "cancel_batch"),
        (one_to_fetch, "result_lines"),
        (one_to_settle, "list_batches"),
    ],
)
def test_questions_wait_too_and_tell_the_others(
    fake: FakeApi,
    monkeypatch: pytest.MonkeyPatch,
    prepared: Callable[[FakeApi], Callable[[], object]],
    function: str,
) -> None:
    brought_in(a_version(), texts(3))
    ask = prepared(fake)
    now = at(monkeypatch, timezone.now() + timedelta(seconds=1))
    fake.fail(function, **LIMITED)
    asked = len(fake.called(function))
    ask()
    Batch.objects.update(next_poll_at=None)
    ask()
    assert len(fake.called(function)) == asked + 1
    assert asked_to_wait.until(Lane.BATCH) == now + timedelta(seconds=300)
    assert asked_to_wait.until(Lane.URGENT) is None
    at(monkeypatch, now + timedelta(seconds=300))
    ask()
    assert len(fake.called(function)) > asked + 1


def test_of_two_requests_to_wait_the_longer_counts(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    now = at(monkeypatch, timezone.now())
    asked_to_wait.remember(Lane.BATCH, 60)
    asked_to_wait.remember(Lane.BATCH, 5)
    asked_to_wait.remember(Lane.BATCH, None)
    assert asked_to_wait.until(Lane.BATCH) == now + timedelta(seconds=60)
