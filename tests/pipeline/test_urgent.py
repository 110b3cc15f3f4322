"""Real-time calls: the same results at full price, never more at once than allowed, never asked for twice."""

import threading
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from labeling import asked_to_wait, batch_api
from labeling.batch_api import ApiError, Fault
from labeling.models import Document, Gate, Request, Result, Setting
from labeling.pipeline import pausing, recover, urgent
from labeling.states import DocumentState, FailureReason, Lane, Outcome, Way
from labeling.transitions import again, results
from tests.fake_api import FakeApi, errored, succeeded
from tests.pipeline.story import (
    Killed,
    a_version,
    at,
    at_once,
    brought_in,
    outcomes,
    reasons,
    sent,
    setting,
    states,
    texts,
    the_document,
)

pytestmark = pytest.mark.usefixtures("house")


def waiting(count: int = 1, **more: Any) -> None:
    brought_in(a_version(**more), texts(count), way=Way.URGENT)


def test_urgent_documents_are_labeled_like_all_others(fake: FakeApi) -> None:
    waiting(5)
    assert urgent.drain(setting()) == 5
    assert states() == {DocumentState.LABELED: 5}
    request = Request.objects.latest("pk")
    assert (request.lane, request.batch, request.outcome) == (Lane.URGENT, None, Outcome.SUCCEEDED)
    assert request.account is not None
    assert request.result.answer == "red"
    assert request.result.api_request_id.startswith("req_")
    assert len(fake.called("send_message")) == 5


def test_the_call_says_what_a_batch_would_say(fake: FakeApi) -> None:
    version = a_version()
    brought_in(version, ["the same words"], way=Way.URGENT)
    urgent.drain(setting())
    brought_in(version, ["other words"])
    sent()
    (params,) = fake.called("send_message")
    (request,) = fake.requests["msgbatch_000001"]
    request["params"]["messages"][-1]["content"] = "the same words"
    assert params == request["params"]


def test_the_limit_on_calls_at_once_is_that_of_the_installation(monkeypatch: pytest.MonkeyPatch, fake: FakeApi) -> None:
    waiting(24)
    lock, now, most = threading.Lock(), 0, 0
    too_many = threading.Event()

    def count(params: bytes, *, timeout: float) -> Any:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
            if now > 4:
                too_many.set()
        too_many.wait(0.05)
        with lock:
            answer = fake.send_message(params, timeout=timeout)
            now -= 1
        return answer

    monkeypatch.setattr(batch_api, "send_message", count)
    answers = at_once(*[lambda: urgent.drain(setting(urgent_concurrency=4))] * 3)
    assert sum(answers) + urgent.drain(setting()) == 24
    assert most == 4
    assert len(fake.called("send_message")) == 24


@pytest.mark.parametrize(("status", "retry_after", "wait"), [(429, 30.0, 30), (529, 7.0, 7), (429, None, 10)])
def test_a_call_that_was_surely_not_accepted_waits_as_asked_and_is_no_attempt(
    monkeypatch: pytest.MonkeyPatch, fake: FakeApi, status: int, retry_after: float | None, wait: int
) -> None:
    waiting(1)
    now = at(monkeypatch, timezone.now())
    fake.fail("send_message", Fault.TRANSIENT, "Wait.", status=status, retry_after=retry_after)
    assert urgent.drain(setting()) == 0
    document = the_document()
    assert (document.state, document.attempts) == (DocumentState.QUEUED, 0)
    assert document.not_before == now + timedelta(seconds=wait)
    assert asked_to_wait.until(Lane.URGENT) == now + timedelta(seconds=wait)
    at(monkeypatch, now + timedelta(seconds=wait - 1))
    assert urgent.drain(setting()) == 0
    assert len(fake.called("send_message")) == 1
    at(monkeypatch, now + timedelta(seconds=wait))
    assert urgent.drain(setting()) == 1
    assert the_document().attempts == 1
    assert outcomes() == {Outcome.NOT_SENT: 1, Outcome.SUCCEEDED: 1}


def test_when_one_call_is_asked_to_wait_no_other_begins(fake: FakeApi) -> None:
    waiting(20)
    fake.fail("send_message", Fault.TRANSIENT, "Wait.", status=429, retry_after=60)
    urgent.drain(setting(urgent_concurrency=1))
    assert urgent.drain(setting(urgent_concurrency=1)) == 0
    assert len(fake.called("send_message")) == 1


@pytest.mark.parametrize("status", [None, 500, 504])
def test_a_lost_answer_is_unclear_and_never_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, fake: FakeApi, status: int | None
) -> None:
    waiting(1)
    fake.fail("send_message", Fault.UNCLEAR, "Lost.", status=status)
    assert urgent.drain(setting()) == 0
    document = the_document()
    assert (document.state, document.failure_reason) == (DocumentState.FAILED, FailureReason.UNCLEAR)
    assert outcomes() == {Outcome.UNCLEAR: 1}
    at(monkeypatch, timezone.now() + timedelta(days=1))
    recover.recover(timezone.now())
    assert urgent.drain(setting()) == 0
    assert sent() == []
    assert len(fake.called("send_message")) == 1
    assert again.queue_again(Document.objects.all(), Way.URGENT) == 1
    assert urgent.drain(setting()) == 1


def test_a_lost_answer_is_unclear_for_the_copies_too(fake: FakeApi) -> None:
    brought_in(a_version(), ["a", "a"], way=Way.URGENT)
    fake.fail("send_message", Fault.UNCLEAR, "Lost.")
    urgent.drain(setting())
    assert (states(), reasons()) == ({DocumentState.FAILED: 2}, {FailureReason.UNCLEAR})


@pytest.mark.parametrize(
    ("status", "code"), [(401, ""), (402, ""), (403, ""), (429, "enforced_spend_limit_reached"), (404, "")]
)
def test_a_refusal_of_the_account_or_the_model_closes_a_gate_and_fails_no_document(
    fake: FakeApi, status: int, code: str
) -> None:
    waiting(20)
    for _ in range(20):
        fake.fail("send_message", Fault.PERMANENT, "No.", status=status, error_code=code)
    assert urgent.drain(setting(urgent_concurrency=2)) == 0
    gate = Gate.objects.get(closed_at__isnull=False)
    assert (gate.kind, gate.closed_by) == ("refusal", "urgent")
    assert (gate.task is not None) == (status == 404)
    assert states() == {DocumentState.QUEUED: 20}
    assert set(Document.objects.values_list("attempts", flat=True)) == {0}
    assert len(fake.called("send_message")) <= 4


@pytest.mark.parametrize(("fault", "status"), [(Fault.PERMANENT, 400), (Fault.PERMANENT, 422), (Fault.TOO_LARGE, 413)])
def test_a_refusal_of_the_document_fails_it_alone(fake: FakeApi, fault: Fault, status: int) -> None:
    waiting(3)
    fake.fail("send_message", fault, "max_tokens: too many", status=status, error_type="invalid_request_error")
    urgent.drain(setting(urgent_concurrency=1))
    assert states() == {DocumentState.FAILED: 1, DocumentState.LABELED: 2}
    assert reasons() == {FailureReason.INVALID_REQUEST}
    failed = Result.objects.get(usable=False)
    assert (failed.answer, failed.paid_usd) == ("max_tokens: too many", Decimal(0))
    assert not Gate.objects.filter(closed_at__isnull=False).exists()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (succeeded('{"label":"r', stop_reason="max_tokens"), FailureReason.CUT_OFF),
        (succeeded("", stop_reason="refusal"), FailureReason.REFUSED),
        (succeeded('{"label":"purple"}'), FailureReason.NOT_A_LABEL),
        (errored("invalid_request_error"), FailureReason.INVALID_REQUEST),
    ],
)
def test_what_needs_a_person_fails_with_its_reason(
    fake: FakeApi, answer: dict[str, Any], reason: FailureReason
) -> None:
    waiting(1)
    fake.answers.append(answer)
    assert urgent.drain(setting()) == 1
    assert reasons() == {reason}


def test_the_most_urgent_task_goes_first(fake: FakeApi) -> None:
    waiting(2, slug="low")
    waiting(2, slug="high", priority=9)
    urgent.drain(setting(urgent_concurrency=1))
    order = list(Request.objects.order_by("pk").values_list("document__version__task__slug", flat=True))
    assert order == ["high", "high", "low", "low"]


def test_nothing_is_called_behind_a_closed_gate(fake: FakeApi) -> None:
    waiting(2, slug="held")
    waiting(1, slug="free")
    pausing.pause_task(Gate.objects.get(task__slug="held").task, by="anna", reason="wait")  # type: ignore[arg-type]
    assert urgent.drain(setting()) == 1
    pausing.pause_everything(by="anna", reason="wait")
    pausing.resume_task(Gate.objects.get(task__slug="held").task, by="anna")  # type: ignore[arg-type]
    assert urgent.drain(setting()) == 0
    pausing.resume_everything(by="anna")
    assert urgent.drain(setting()) == 2


def test_a_call_whose_process_died_is_unclear_after_its_deadline(
    monkeypatch: pytest.MonkeyPatch, fake: FakeApi
) -> None:
    waiting(1)

    def kill(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(batch_api, "send_message", kill)
        with pytest.raises(Killed):
            urgent.drain(setting())
    request = Request.objects.get()
    assert (request.outcome, the_document().state) == (Outcome.OPEN, DocumentState.BATCHED)
    assert request.deadline is not None
    assert urgent.drain(setting()) == 0
    assert recover.end_abandoned_urgent_calls(request.deadline) == 0
    assert recover.end_abandoned_urgent_calls(request.deadline + timedelta(seconds=1)) == 1
    assert reasons() == {FailureReason.UNCLEAR}
    assert fake.called("send_message") == []


def test_an_answer_after_the_call_was_given_up_changes_nothing(fake: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting(1)

    def give_up(params: bytes, *, timeout: float) -> Any:
        at_once(lambda: recover.end_abandoned_urgent_calls(timezone.now() + timedelta(days=1)))
        return fake.send_message(params, timeout=timeout)

    monkeypatch.setattr(batch_api, "send_message", give_up)
    assert urgent.drain(setting()) == 0
    assert outcomes() == {Outcome.UNCLEAR: 1}
    assert not Result.objects.exists()


def test_a_run_ends_at_its_time_and_waits_for_its_open_calls(fake: FakeApi) -> None:
    waiting(5)
    assert urgent.drain(setting(), until=timezone.now()) == 0
    assert fake.called("send_message") == []
    assert urgent.drain(setting(), until=timezone.now() + timedelta(minutes=1)) == 5


def test_a_connection_that_cannot_be_made_is_no_attempt(fake: FakeApi) -> None:
    waiting(1)
    fake.fail("send_message", Fault.TRANSIENT, "There is no connection.")
    urgent.drain(setting())
    assert (the_document().attempts, Setting.objects.filter(key="urgent_not_before").count()) == (0, 1)


@pytest.mark.parametrize("fault", [ApiError("Lost.", Fault.UNCLEAR), ValueError("nobody foresaw this")])
def test_a_fault_of_one_call_does_not_hold_up_the_others(
    monkeypatch: pytest.MonkeyPatch, fake: FakeApi, fault: Exception
) -> None:
    waiting(6)
    lock = threading.Lock()

    def some(params: bytes, *, timeout: float) -> Any:
        with lock:
            if b"number 3" in params:
                raise fault
            return fake.send_message(params, timeout=timeout)

    monkeypatch.setattr(batch_api, "send_message", some)
    assert urgent.drain(setting()) == 5
    assert (states(), reasons()) == ({DocumentState.LABELED: 5, DocumentState.FAILED: 1}, {FailureReason.UNCLEAR})


def test_answers_are_booked_although_the_connection_broke_during_the_call(
    monkeypatch: pytest.MonkeyPatch, fake: FakeApi
) -> None:
    waiting(1)

    def lose_connection(params: bytes, *, timeout: float) -> Any:
        at_once(lambda: terminate(backend))
        return fake.send_message(params, timeout=timeout)

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = cursor.fetchone()[0]
    monkeypatch.setattr(batch_api, "send_message", lose_connection)
    assert urgent.drain(setting()) == 1
    assert states() == {DocumentState.LABELED: 1}


def terminate(backend: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [backend])


def test_answers_whose_booking_lost_a_race_are_booked_again(monkeypatch: pytest.MonkeyPatch, fake: FakeApi) -> None:
    waiting(2)
    settle, lost = results.settle, [OperationalError("deadlock detected")]

    def lose_once(*booking: Any) -> int:
        if lost:
            raise lost.pop()
        return settle(*booking)

    monkeypatch.setattr(results, "settle", lose_once)
    assert urgent.drain(setting(urgent_concurrency=1)) == 2
    assert len(fake.called("send_message")) == 2


# From one way to another
