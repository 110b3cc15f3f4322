"""After a pause has returned nothing of any kind is claimed; what is at the API goes on."""

import threading
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from labeling.models import Document, Gate
from labeling.pipeline import canary, conductor, decide, intake, pausing, send_now, settle, urgent
from labeling.states import DocumentState, FailureReason, Way
from labeling.transitions import gates
from tests.fake_api import FakeApi, succeeded
from tests.pipeline.story import (
    a_version,
    at_once,
    brought_in,
    built,
    confirmed,
    fetched,
    played,
    polled,
    received,
    sent,
    setting,
    states,
    texts,
)

pytestmark = pytest.mark.usefixtures("house")

ON = setting(canary=True)


def calls_that_pay(fake: FakeApi) -> int:
    return len(fake.called("create_batch")) + len(fake.called("send_message"))


def a_built_batch(fake: FakeApi) -> None:
    brought_in(a_version(), texts(3))
    built()


def urgent_documents(fake: FakeApi) -> None:
    brought_in(a_version(), texts(3), way=Way.URGENT)


def a_canary(fake: FakeApi) -> None:
    brought_in(a_version(), texts(101))
    canary.arrange(ON, timezone.now())


def a_trial(fake: FakeApi) -> None:
    upload = received(a_version(), b"a\nb\nc\n")
    assert intake.confirm(upload, Way.NOW, try_first=1, by="ann")
    assert intake.import_rows(upload, ON)


def an_order_to_send_now(fake: FakeApi) -> None:
    order = send_now.send_upload(brought_in(a_version(), texts(3), way=Way.TONIGHT), Way.URGENT, by="ann")
    assert order
    send_now.carry_out_due(order.leaves_at)


def a_dead_attempt(fake: FakeApi) -> None:
    brought_in(a_version(), texts(3))
    fake.lose_answer_of_create()
    (batch,) = sent()
    assert settle.declare_absent(batch, by="ann", why="she knows")


def failures_that_are_tried_again(fake: FakeApi) -> None:
    version = a_version()
    fake.answers.extend([succeeded("nonsense")] * 3)
    brought_in(version, texts(3))
    played(fake)
    failed = Document.objects.filter(failure_reason=FailureReason.NOT_A_LABEL)
    assert decide.send_again(
        failed, Way.URGENT, task=version.task, reason=FailureReason.NOT_A_LABEL, version=None, by="ann"
    )


@pytest.mark.parametrize(
    "prepared",
    [
        a_built_batch,
        urgent_documents,
        a_canary,
        a_trial,
        an_order_to_send_now,
        a_dead_attempt,
        failures_that_are_tried_again,
    ],
)
@pytest.mark.parametrize("of_everything", [True, False])
def test_nothing_of_any_kind_is_claimed_after_a_pause(fake: FakeApi, prepared: Any, of_everything: bool) -> None:
    prepared(fake)
    before = calls_that_pay(fake)
    if of_everything:
        assert pausing.pause_everything(by="ann", reason="lunch").claimed == []
    else:
        assert pausing.pause_task(a_version().task, by="ann", reason="lunch")
    for _ in range(2):
        conductor.run_pass(ON, ignore_hour=True)
    assert calls_that_pay(fake) == before
    assert DocumentState.BATCHED not in states() or prepared is a_built_batch
    pausing.resume_everything(by="ann")
    conductor.run_pass(ON, ignore_hour=True)
    conductor.run_pass(ON, ignore_hour=True)
    assert calls_that_pay(fake) > before


def test_what_is_at_the_api_goes_on_in_a_pause(fake: FakeApi) -> None:
    brought_in(a_version(), texts(3))
    sent()
    pausing.pause_everything(by="ann", reason="lunch")
    upload = confirmed(a_version(), b"more\n")
    assert intake.import_rows(upload, ON)
    fake.end()
    polled()
    assert fetched() == [True]
    assert states() == {DocumentState.LABELED: 3, DocumentState.QUEUED: 1}


def test_a_pause_waits_for_real_time_calls_that_are_being_claimed_and_names_them(fake: FakeApi) -> None:
    brought_in(a_version(), texts(3), way=Way.URGENT)
    claimed, closed = threading.Event(), threading.Event()

    def claim() -> int:
        with transaction.atomic():
            found = urgent._claim(ON, urgent.account_in_use(), 2, {})
            claimed.set()
            assert not closed.wait(0.3)
        return len(found)

    def close() -> list[str]:
        assert claimed.wait(5)
        paused = pausing.pause_everything(by="ann", reason="lunch")
        closed.set()
        return paused.claimed

    assert at_once(claim, close) == [2, ["2 real-time calls"]]
    assert urgent._claim(ON, urgent.account_in_use(), 2, {}) == []


def test_what_a_restored_backup_closed_is_opened_by_settling_it_alone() -> None:
    """Whoever resumes is told so before; a restore in that moment is safe, too."""
    assert gates.close_gate(None, by="restore", kind=gates.RESTORE, reason="A backup was restored.")
    assert not gates.open_gate(None)
    assert Gate.objects.get(task=None).closed_at
    with pytest.raises(pausing.NotResumed, match="A backup was restored"):
        pausing.resume_everything(by="ann")
