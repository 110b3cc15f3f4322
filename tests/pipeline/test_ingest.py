"""The results of an ended batch: each answer booked once, whatever the stream does."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.utils import timezone

from labeling import batch_api
from labeling.batch_api import ApiError, Fault
from labeling.models import Batch, Document, Request, Result, ResultLine, StrayLine
from labeling.pipeline import ingest
from labeling.states import BatchState, DocumentState, FailureReason, Outcome
from labeling.transitions import results
from tests.fake_api import FakeApi, canceled, errored, expired, succeeded
from tests.pipeline.story import (
    Killed,
    a_version,
    anew,
    at,
    at_once,
    brought_in,
    built,
    ended,
    fetched,
    forget_waits,
    outcomes,
    played,
    reasons,
    setting,
    states,
    texts,
    the_document,
)

pytestmark = pytest.mark.usefixtures("house")

BATCH = "msgbatch_000001"


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "CHUNK_LINES", 2)


def ended_batch(fake: FakeApi, count: int = 5) -> Batch:
    brought_in(a_version(), texts(count))
    return ended(fake)[0]


def one_answer(fake: FakeApi, result: dict[str, Any], **more: Any) -> Document:
    """What one document became after this result."""
    fake.answers.append(result)
    brought_in(a_version(**more), ["the text"])
    played(fake)
    return the_document()


def own_line(number: int, result: dict[str, Any]) -> bytes:
    custom_id = Request.objects.order_by("pk")[number].custom_id
    return orjson.dumps({"custom_id": custom_id, "result": result})


def breaking_off(monkeypatch: pytest.MonkeyPatch, fake: FakeApi, after: int) -> None:
    """The stream of results breaks after so many lines."""

    @contextmanager
    def cut(batch_id: str) -> Iterator[Iterator[bytes]]:
        def lines() -> Iterator[bytes]:
            yield from fake.lines[batch_id][:after]
            raise ApiError("The stream of results broke off.", Fault.TRANSIENT)

        yield lines()

    monkeypatch.setattr(batch_api, "result_lines", cut)


def test_shuffled_results_find_their_documents(fake: FakeApi) -> None:
    brought_in(a_version(), ["it is red", "it is blue", "it is green"])
    fake.answer = lambda params: succeeded(f'{{"label": "{params["messages"][-1]["content"].split()[-1]}"}}')
    (batch,) = played(fake)
    found = dict(Document.objects.values_list("content__text", "result__answer"))
    assert found == {"it is red": "red", "it is blue": "blue", "it is green": "green"}
    assert (batch.state, batch.lines_read) == (BatchState.INGESTED, 3)


@pytest.mark.usefixtures("small_chunks")
def test_results_that_are_read_twice_are_booked_once(fake: FakeApi) -> None:
    batch = ended_batch(fake)
    assert ingest.ingest(batch, setting())
    assert not ingest.ingest(anew(batch), setting())
    Batch.objects.update(state=BatchState.ENDED, ingested_at=None)
    assert ingest.ingest(anew(batch), setting())
    assert Result.objects.count() == ResultLine.objects.count() == 5
    assert not StrayLine.objects.exists()


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("after", [0, 1, 2, 3, 4])
def test_a_stream_that_breaks_is_read_again_from_the_start(
    monkeypatch: pytest.MonkeyPatch, fake: FakeApi, after: int
) -> None:
    batch = ended_batch(fake)
    with monkeypatch.context() as patch:
        breaking_off(patch, fake, after)
        assert not ingest.ingest(batch, setting())
    batch = anew(batch)
    assert (batch.state, batch.ingest_tries) == (BatchState.ENDED, 0)
    assert "broke off" in batch.note
    assert ingest.ingest(batch, setting())
    assert states() == {DocumentState.LABELED: 5}
    assert Result.objects.count() == 5


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("chunks", [0, 1, 2])
def test_a_worker_that_is_killed_between_chunks_leaves_no_answer_half_booked(
    monkeypatch: pytest.MonkeyPatch, fake: FakeApi, chunks: int
) -> None:
    batch, left = ended_batch(fake), chunks

    def settle(readings: Any, booking: Any, now: Any, settle: Callable[..., int] = results.settle) -> int:
        nonlocal left
        if not left:
            raise Killed
        left -= 1
        return settle(readings, booking, now)

    with monkeypatch.context() as patch:
        patch.setattr(results, "settle", settle)
        with pytest.raises(Killed):
            ingest.ingest(batch, setting())
    assert Result.objects.count() == 2 * chunks
    assert ingest.ingest(anew(batch), setting())
    assert (Result.objects.count(), states()) == (5, {DocumentState.LABELED: 5})


def test_two_workers_at_once_book_each_answer_once(monkeypatch: pytest.MonkeyPatch, fake: FakeApi) -> None:
    batch = ended_batch(fake, 200)
    monkeypatch.setattr(ingest, "CHUNK_LINES", 7)
    found = at_once(*[lambda: ingest.ingest(anew(batch), setting())] * 3)
    assert sorted(found) == [False, False, True]
    assert Result.objects.count() == 200


def test_two_bookings_of_the_same_chunk_at_once_book_it_once(fake: FakeApi) -> None:
    """The open request decides even where the lock does not."""
    batch = ended_batch(fake, 300)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ingest, "only_one", lambda _: nullcontext(True))
        found = at_once(*[lambda: ingest.ingest(anew(batch), setting())] * 3)
    assert sorted(found) == [False, False, True]
    assert Result.objects.count() == 300
    assert not StrayLine.objects.exists()


# Lines that are not ours


def test_lines_that_are_not_ours_are_kept_aside_once(fake: FakeApi) -> None:
    batch = ended_batch(fake, 2)
    strange = [
        orjson.dumps({"custom_id": "somebody-else", "result": succeeded('{"label":"red"}')}),
        orjson.dumps({"custom_id": "aaaaaaaa-bbbbbbbb-1-cccccccc", "result": expired()}),
        b"this is no JSON",
        b"[1, 2]",
        b'{"custom_id": "x"}',
        b'{"custom_id": 17, "result": {"type": "expired"}}',
        b'{"custom_id": "a\\u0000b\\ud800", "result": {"type": "expired"}}',
        b"\xff\xfe\x00 bytes that are no text",
    ]
    fake.lines[BATCH] = strange + fake.lines[BATCH] + strange
    assert ingest.ingest(batch, setting())
    assert states() == {DocumentState.LABELED: 2}
    assert sorted(StrayLine.objects.values_list("why", flat=True)) == ["foreign"] * 4 + ["unreadable"] * 4


def test_a_line_with_our_token_for_a_document_of_another_batch_is_foreign(fake: FakeApi) -> None:
    batch = ended_batch(fake, 2)
    line = own_line(0, succeeded('{"label":"red"}'))
    document_id = str(Request.objects.order_by("pk")[0].document_id).encode()
    fake.lines[BATCH].append(line.replace(b"-" + document_id + b"-", b"-999999999-"))
    assert ingest.ingest(batch, setting())
    assert StrayLine.objects.get().why == "foreign"
    assert Result.objects.count() == 2


def test_a_line_under_another_token_answers_nothing_of_this_batch(fake: FakeApi) -> None:
    batch = ended_batch(fake, 1)
    line = own_line(0, succeeded('{"label":"blue"}'))
    fake.lines[BATCH] = [line.replace(batch.token.encode(), b"zzzzzzzz"), own_line(0, succeeded('{"label":"green"}'))]
    assert ingest.ingest(batch, setting())
    assert Result.objects.get().answer == "green"
    assert StrayLine.objects.get().why == "foreign"


def test_a_line_that_is_repeated_with_other_words_is_kept_aside_and_the_first_counts(fake: FakeApi) -> None:
    batch = ended_batch(fake, 1)
    fake.lines[BATCH] = [own_line(0, succeeded('{"label":"green"}')), own_line(0, succeeded('{"label":"blue"}'))]
    assert ingest.ingest(batch, setting())
    assert Result.objects.get().answer == "green"
    assert StrayLine.objects.get().why == "repeated"


def test_the_very_same_line_twice_is_no_news(fake: FakeApi) -> None:
    batch = ended_batch(fake, 1)
    fake.lines[BATCH] *= 2
    assert ingest.ingest(batch, setting())
    assert not StrayLine.objects.exists()


# Lines that lack


def test_results_that_lack_lines_are_read_again_and_after_four_clean_downloads_they_are_missing(
    monkeypatch: pytest.MonkeyPatch, fake: FakeApi
) -> None:
    batch = ended_batch(fake)
    whole, fake.lines[BATCH] = fake.lines[BATCH], fake.lines[BATCH][:3]
    now = at(monkeypatch, timezone.now())
    waits = []
    for _ in range(3):
        assert not ingest.ingest(anew(batch), setting())
        batch = anew(batch)
        assert batch.not_before is not None
        waits.append(batch.not_before - now)
        assert "lacked" in batch.note
    assert waits == [timedelta(0), timedelta(minutes=1), timedelta(minutes=5)]
    assert ingest.ingest(batch, setting())
    assert anew(batch).state == BatchState.INGESTED
    assert outcomes() == {Outcome.SUCCEEDED: 3, Outcome.MISSING: 2}
    assert (states(), reasons()) == ({DocumentState.LABELED: 3, DocumentState.FAILED: 2}, {FailureReason.MISSING})
    assert len(fake.called("result_lines")) == 4
    assert len(whole) == 5


def test_a_line_that_came_late_is_still_in_time(fake: FakeApi) -> None:
    batch = ended_batch(fake)
    whole, fake.lines[BATCH] = fake.lines[BATCH], fake.lines[BATCH][:3]
    assert not ingest.ingest(batch, setting())
    fake.lines[BATCH] = whole
    assert ingest.ingest(anew(batch), setting())
    assert states() == {DocumentState.LABELED: 5}


def test_a_broken_stream_is_not_a_clean_download(monkeypatch: pytest.MonkeyPatch, fake: FakeApi) -> None:
    batch = ended_batch(fake)
    breaking_off(monkeypatch, fake, 3)
    for _ in range(6):
        assert not ingest.ingest(anew(batch), setting())
    assert outcomes() == {Outcome.OPEN: 5}


# What stands in the lines


@pytest.mark.parametrize(
    "words",
    ["line\u2028separator \u2029 \x85 all in one", "a NUL \0 inside", "x" * 8_000_000],
    ids=["u2028", "nul", "8 MB"],
)
def test_an_answer_of_every_kind_is_kept(fake: FakeApi, words: str) -> None:
    fake.answers.append(succeeded(words))
    brought_in(a_version(kind="transform", labels=()), ["the text"])
    played(fake)
    assert states() == {DocumentState.LABELED: 1}
    assert Result.objects.get().answer == words.replace("\0", "\ufffd")
    assert orjson.loads(ResultLine.objects.get().line)["result"]["message"]["content"][0]["text"] == words


def test_a_lone_surrogate_in_an_answer_stops_nothing(fake: FakeApi) -> None:
    brought_in(a_version(kind="transform", labels=()), ["the text"])
    (batch,) = ended(fake)
    fake.lines[BATCH] = [fake.lines[BATCH][0].replace(b"About", b"half \\ud83d a moon, about")]
    assert ingest.ingest(batch, setting())
    assert Result.objects.get().answer.startswith("half \ufffd a moon")
    assert "\\ud83d" in ResultLine.objects.get().line


def test_a_strange_model_or_stop_reason_stops_nothing(fake: FakeApi) -> None:
    brought_in(a_version(), texts(2))
    fake.answers.extend(
        [succeeded('{"label":"red"}', stop_reason="x\0y" * 30), succeeded('{"label":"red"}', model="m\0")]
    )
    played(fake)
    assert states() == {DocumentState.FAILED: 1, DocumentState.LABELED: 1}
    assert reasons() == {FailureReason.UNKNOWN_OUTCOME}


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        ({"type": "postponed"}, FailureReason.UNKNOWN_OUTCOME),
        ({"type": "a_type_with_a_very_long_name_indeed", "message": {}}, FailureReason.UNKNOWN_OUTCOME),
        (succeeded('{"label":"red"}', stop_reason="nap"), FailureReason.UNKNOWN_OUTCOME),
        (succeeded('{"label":"r', stop_reason="max_tokens"), FailureReason.CUT_OFF),
        (succeeded("", stop_reason="refusal"), FailureReason.REFUSED),
        (succeeded('{"label":"purple"}'), FailureReason.NOT_A_LABEL),
        (succeeded("", stop_reason="model_context_window_exceeded"), FailureReason.CONTEXT_EXCEEDED),
        (errored("invalid_request_error"), FailureReason.INVALID_REQUEST),
        (errored("not_found_error"), FailureReason.CONFIGURATION),
        (errored("permission_error"), FailureReason.CONFIGURATION),
        (errored("billing_error"), FailureReason.CONFIGURATION),
        (errored("authentication_error"), FailureReason.CONFIGURATION),
        (errored("an_error_of_tomorrow"), FailureReason.UNKNOWN_OUTCOME),
        ({"type": "errored"}, FailureReason.UNKNOWN_OUTCOME),
        ({"type": "succeeded"}, FailureReason.UNKNOWN_OUTCOME),
    ],
)
def test_what_needs_a_person_fails_with_its_reason_and_never_goes_again(
    fake: FakeApi, result: dict[str, Any], reason: FailureReason
) -> None:
    document = one_answer(fake, result)
    assert (document.state, document.failure_reason) == (DocumentState.FAILED, reason)
    forget_waits()
    assert built() == []


def test_an_answer_off_the_schema_fails_as_such(fake: FakeApi) -> None:
    schema = {"type": "object", "properties": {"amount": {"type": "number"}}, "required": ["amount"]}
    document = one_answer(fake, succeeded('{"amount": "a lot"}'), kind="extract", labels=(), schema=schema)
    assert document.failure_reason == FailureReason.INVALID_ANSWER


@pytest.mark.parametrize(
    "result",
    [
        expired(),
        errored("api_error"),
        errored("overloaded_error"),
        errored("rate_limit_error"),
        errored("timeout_error"),
    ],
)
def test_what_may_work_another_time_goes_again_after_a_back_off_until_the_attempts_are_used(
    monkeypatch: pytest.MonkeyPatch, fake: FakeApi, result: dict[str, Any]
) -> None:
    settings = setting(max_attempts=3, retry_backoff_seconds=300)
    brought_in(a_version(), ["the text"])
    fake.answers.extend([result] * 3)
    now = at(monkeypatch, timezone.now())
    for attempt in (1, 2):
        played(fake, settings)
        document = the_document()
        assert (document.state, document.attempts) == (DocumentState.QUEUED, attempt)
        assert document.not_before == now + timedelta(seconds=300)
        assert built(settings, now + timedelta(seconds=299)) == []
        now = at(monkeypatch, now + timedelta(seconds=300))
    played(fake, settings)
    document = the_document()
    assert (document.state, document.failure_reason) == (DocumentState.FAILED, FailureReason.TOO_MANY_ATTEMPTS)
    assert len(set(Batch.objects.values_list("token", flat=True))) == 3
    assert document.attempts == Request.objects.count() == 3


def test_what_a_cancel_stopped_waits_for_the_night(fake: FakeApi) -> None:
    document = one_answer(fake, canceled())
    assert (document.state, document.way, document.not_before) == (DocumentState.QUEUED, "tonight", None)


def test_a_document_that_worked_the_second_time_is_labeled(fake: FakeApi) -> None:
    one_answer(fake, errored("api_error"))
    forget_waits()
    played(fake)
    document = the_document()
    assert (document.state, document.attempts, document.failure_reason) == (DocumentState.LABELED, 2, "")
    assert outcomes() == {Outcome.ERRORED: 1, Outcome.SUCCEEDED: 1}


def test_results_wait_while_the_disk_is_low(fake: FakeApi) -> None:
    batch = ended_batch(fake)
    assert not ingest.ingest(batch, setting(min_free_bytes=10**18))
    assert "bytes of disk are free" in anew(batch).note
    assert fake.called("result_lines") == []
    assert ingest.ingest(batch, setting())


def test_an_answer_to_a_batch_that_ended_elsewhere_does_not_touch_it(fake: FakeApi) -> None:
    batch = ended_batch(fake)
    entered = threading.Event()
    ingest.ingest(batch, setting())
    entered.set()
    assert not ingest.ingest(anew(batch), setting())
    assert len(fake.called("result_lines")) == 1
    assert fetched() == []


def test_what_came_of_a_batch_is_frozen_on_its_row(fake: FakeApi) -> None:
    brought_in(a_version(), texts(5))
    fake.answers += [succeeded("red"), succeeded("red"), succeeded("purple"), expired(), errored("api_error")]
    (batch,) = ended(fake)
    fetched()
    batch.refresh_from_db()
    assert batch.usable_results == 2
    assert batch.not_usable == {"not_a_label": 1, "expired": 1, "errored": 1}
