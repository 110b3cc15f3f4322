"""One committed claim, one create call: an id, a refusal, "surely not accepted", or doubt that freezes."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.db import transaction
from django.utils import timezone

from labeling import batch_api, store
from labeling.batch_api import Fault
from labeling.configuration import installation
from labeling.messages import custom_ids
from labeling.models import Batch, Document, Gate, Request
from labeling.pipeline import intake, pausing, recover, submit
from labeling.pipeline.accounts import account_in_use
from labeling.states import BatchState, DocumentState, Outcome
from labeling.transitions import batches
from tests.fake_api import FakeApi
from tests.pipeline.story import (
    Killed,
    a_version,
    anew,
    at,
    at_once,
    body_of,
    brought_in,
    built,
    confirmed,
    forget_waits,
    outcomes,
    played,
    sent,
    setting,
    states,
    texts,
)

pytestmark = pytest.mark.usefixtures("house")

TRANSIENT: dict[str, Any] = {"fault": Fault.TRANSIENT}
LIMITED: dict[str, Any] = {"fault": Fault.TRANSIENT, "status": 429, "retry_after": 1234.0}


def one_batch(count: int = 4) -> Batch:
    brought_in(a_version(), texts(count))
    return built()[0]


def while_creating(monkeypatch: pytest.MonkeyPatch, fake: FakeApi, look: Callable[[Path], None]) -> None:
    """Do something while the create call runs, before it is accepted."""

    def create(body: Path, *, deadline: Any) -> batch_api.Created:
        look(body)
        return fake.create_batch(body, deadline=deadline)

    monkeypatch.setattr(batch_api, "create_batch", create)


def moves(batch: Batch) -> list[tuple[str, str, str]]:
    return list(batch.events.values_list("old", "new", "by"))


def test_a_batch_that_was_accepted_is_in_progress_under_the_id_of_the_api(fake: FakeApi) -> None:
    batch = one_batch()
    before = timezone.now()
    assert submit.submit(batch, setting(poll_seconds=60))
    assert (batch.state, batch.message_batch_id) == (BatchState.IN_PROGRESS, "msgbatch_000001")
    assert batch.created_at == fake.batches["msgbatch_000001"].created_at
    assert (batch.processing, batch.processing_status) == (4, "in_progress")
    assert batch.create_request_id == "req_msgbatch_000001"
    assert batch.account is not None
    assert batch.account.workspace_id == "wrkspc_fake"
    assert batch.next_poll_at is not None
    assert timedelta(seconds=59) < batch.next_poll_at - before < timedelta(seconds=70)
    assert moves(batch) == [
        ("", "building", "build"),
        ("building", "submitting", "submit"),
        ("submitting", "in_progress", "submit"),
    ]


def test_the_body_says_each_document_once_under_its_custom_id(fake: FakeApi) -> None:
    batch = one_batch()
    submit.submit(batch, setting())
    sent_requests = fake.requests["msgbatch_000001"]
    rows = Request.objects.order_by("pk").values_list("custom_id", "document__content__text")
    assert [(r["custom_id"], r["params"]["messages"][-1]["content"]) for r in sent_requests] == list(rows)


def test_the_intent_is_committed_before_the_call(monkeypatch: pytest.MonkeyPatch, fake: FakeApi) -> None:
    fake.add_foreign()
    batch = one_batch()
    seen: list[Batch] = []
    while_creating(monkeypatch, fake, lambda _: seen.extend(at_once(lambda: Batch.objects.get(pk=batch.pk))))
    started = timezone.now()
    submit.submit(batch, setting(create_timeout_seconds=100))
    (during,) = seen
    assert (during.state, during.newest_known_id) == (BatchState.SUBMITTING, "msgbatch_000001")
    assert during.deadline is not None
    assert during.claimed_at is not None
    assert during.deadline - during.claimed_at == timedelta(seconds=100)
    assert during.claimed_at >= started
    assert during.account_id is not None


def test_the_body_is_gone_after_the_call_whatever_it_brought(monkeypatch: pytest.MonkeyPatch, fake: FakeApi) -> None:
    seen: list[Path] = []
    batch = one_batch()
    while_creating(monkeypatch, fake, seen.append)
    fake.fail("create_batch", **TRANSIENT)
    submit.submit(batch, setting())
    forget_waits()
    submit.submit(anew(batch), setting())
    assert len(seen) == 2
    assert not any(body.exists() for body in seen)
    assert list(store.folder("spool").iterdir()) == []


def test_what_the_body_was_is_kept(monkeypatch: pytest.MonkeyPatch, fake: FakeApi) -> None:
    seen: list[bytes] = []
    batch = one_batch()
    while_creating(monkeypatch, fake, lambda body: seen.append(body.read_bytes()))
    submit.submit(batch, setting())
    assert (batch.body_bytes, batch.body_sha256) == (len(seen[0]), sha256(seen[0]).hexdigest())


@pytest.mark.parametrize("more", [TRANSIENT, LIMITED])
def test_what_was_surely_not_accepted_goes_again_and_not_before_its_time(
    monkeypatch: pytest.MonkeyPatch, fake: FakeApi, more: dict[str, Any]
) -> None:
    batch = one_batch()
    now = at(monkeypatch, timezone.now())
    fake.fail("create_batch", **more)
    assert submit.submit(batch, setting())
    wait = timedelta(seconds=more.get("retry_after", 60))
    assert (batch.state, batch.not_before, batch.deadline) == (BatchState.BUILDING, now + wait, None)
    at(monkeypatch, now + wait - timedelta(seconds=1))
    assert not submit.submit(batch, setting())
    at(monkeypatch, now + wait)
    assert submit.submit(batch, setting())
    assert batch.state == BatchState.IN_PROGRESS
    assert len(fake.called("create_batch")) == 2
    assert Document.objects.filter(attempts=1).count() == 4


def test_the_wait_without_a_retry_after_grows_up_to_an_hour(monkeypatch: pytest.MonkeyPatch, fake: FakeApi) -> None:
    batch = one_batch()
    now = at(monkeypatch, timezone.now())
    waits = []
    for _ in range(8):
        fake.fail("create_batch", **TRANSIENT)
        Batch.objects.update(not_before=None)
        submit.submit(batch, setting())
        assert batch.not_before
        waits.append((batch.not_before - now).total_seconds())
    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600]


@pytest.mark.parametrize("status", [400, 404])
def test_a_refusal_of_a_task_closes_its_gate_alone(fake: FakeApi, status: int) -> None:
    other = a_version("other")
    brought_in(other, ["x"])
    one_batch()
    batch = Batch.objects.select_related("version__task").get(version__task__slug="colors")
    fake.fail("create_batch", Fault.PERMANENT, "The API answered no.", status=status)
    assert submit.submit(batch, setting())
    assert (batch.state, batch.note) == (BatchState.REJECTED, "The API answered no.")
    closed = Gate.objects.filter(closed_at__isnull=False)
    assert [(gate.task, gate.kind) for gate in closed] == [(batch.version.task, "refusal")]
    own = Document.objects.filter(version=batch.version)
    assert set(own.values_list("state", "attempts", "not_before")) == {(DocumentState.QUEUED, 0, None)}
    assert outcomes() == {Outcome.NOT_SENT: 4, Outcome.OPEN: 1}
    rest = Batch.objects.select_related("version__task").get(version=other)
    assert submit.submit(rest, setting())
    assert rest.state == BatchState.IN_PROGRESS


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, ""), (402, ""), (403, ""), (429, "enforced_spend_limit_reached"), (400, "contract_spend_limit_reached")],
)
def test_a_refusal_of_the_account_closes_the_gate_of_everything(fake: FakeApi, status: int, code: str) -> None:
    batch = one_batch()
    fake.fail("create_batch", Fault.PERMANENT, "No.", status=status, error_code=code)
    assert submit.submit(batch, setting())
    assert batch.state == BatchState.REJECTED
    assert Gate.objects.get(task=None).kind == "refusal"
    assert states() == {DocumentState.QUEUED: 4}
    assert built() == []


def test_what_was_refused_leaves_in_a_new_batch_under_a_new_token_once_a_person_resumes(fake: FakeApi) -> None:
    batch = one_batch()
    fake.fail("create_batch", Fault.PERMANENT, "No.", status=401)
    submit.submit(batch, setting())
    pausing.resume_everything(by="anna")
    (second,) = played(fake)
    assert second.token != batch.token
    assert states() == {DocumentState.LABELED: 4}
    assert Document.objects.filter(attempts=1).count() == 4


@pytest.mark.parametrize("status", [None, 409, 422, 500, 504, 529])
def test_an_unclear_outcome_freezes_the_batch_and_its_documents_never_go_by_themselves(
    monkeypatch: pytest.MonkeyPatch, fake: FakeApi, status: int | None
) -> None:
    batch = one_batch()
    now = at(monkeypatch, timezone.now())
    fake.fail("create_batch", Fault.UNCLEAR, "Nobody knows.", status=status)
    assert submit.submit(batch, setting())
    assert (batch.state, batch.doubt_since, batch.note) == (BatchState.UNKNOWN, now, "Nobody knows.")
    for hours in (1, 24, 24 * 30):
        at(monkeypatch, now + timedelta(hours=hours))
        recover.recover(timezone.now())
        sent()
        assert not submit.submit(anew(batch), setting())
    assert len(fake.called("create_batch")) == 1
    assert states() == {DocumentState.BATCHED: 4}
    assert outcomes() == {Outcome.OPEN: 4}


def test_a_batch_that_is_too_large_goes_in_two_halves_and_nothing_is_lost(fake: FakeApi) -> None:
    batch = one_batch(5)
    fake.fail("create_batch", Fault.TOO_LARGE, "Too large.", status=413)
    assert submit.submit(batch, setting())
    first, second = Batch.objects.select_related("version__task").order_by("pk")
    assert (first.state, first.request_total, second.state, second.request_total) == ("building", 2, "building", 3)
    assert (second.version, second.way, second.night) == (first.version, first.way, first.night)
    assert first.not_before is None
    assert [half.shares.get().requests for half in (first, second)] == [2, 3]
    for half in (first, second):
        assert submit.submit(half, setting())
        assert half.message_batch_id is not None
        ids = [request["custom_id"] for request in fake.requests[half.message_batch_id]]
        assert [custom_ids.parse(i, installation()).token for i in ids] == [half.token] * half.request_total  # type: ignore[union-attr]
    sent_texts = [r["params"]["messages"][-1]["content"] for entries in fake.requests.values() for r in entries]
    assert sorted(sent_texts) == sorted(texts(5))
    played(fake)
    assert states() == {DocumentState.LABELED: 5}


def test_one_request_that_is_too_large_pauses_its_task_and_not_everything(fake: FakeApi) -> None:
    batch = one_batch(1)
    fake.fail("create_batch", Fault.TOO_LARGE, "Too large.", status=413)
    submit.submit(batch, setting())
    assert batch.state == BatchState.REJECTED
    assert [gate.task for gate in Gate.objects.filter(closed_at__isnull=False)] == [batch.version.task]


def test_a_task_that_is_delivered_twice_at_the_same_time_sends_once(
    monkeypatch: pytest.MonkeyPatch, fake: FakeApi
) -> None:
    batch = one_batch()
    inside = threading.Barrier(3)

    def stay(_: Path) -> None:
        with pytest.raises(threading.BrokenBarrierError):
            inside.wait(0.3)

    while_creating(monkeypatch, fake, stay)
    found = at_once(*[lambda: submit.submit(anew(batch), setting())] * 3)
    assert sorted(found) == [False, False, True]
    assert len(fake.called("create_batch")) == 1


def test_two_senders_that_both_hold_a_body_make_one_call(fake: FakeApi) -> None:
    """The row decides even where the lock does not: a session lock may end with its connection."""
    batch = one_batch()
    account = sent_account(fake)
    now = timezone.now()
    claim = [
        lambda: batches.claim_create(
            Batch.objects.select_related("version").get(pk=batch.pk),
            account,
            deadline=now + timedelta(minutes=1),
            now=now,
            newest_known_id="",
        )
    ] * 4
    assert sorted(at_once(*claim)) == [False, False, False, True]


def sent_account(fake: FakeApi) -> Any:
    return account_in_use("wrkspc_fake")


def test_a_pause_between_build_and_submit_is_obeyed(fake: FakeApi) -> None:
    batch = one_batch()
    pausing.pause_everything(by="anna", reason="lunch")
    assert not submit.submit(batch, setting())
    assert anew(batch).state == BatchState.BUILDING
    assert fake.called("create_batch") == []
    pausing.resume_everything(by="anna")
    assert submit.submit(batch, setting())


def test_a_paused_batch_is_not_even_written_to_the_disk(monkeypatch: pytest.MonkeyPatch, fake: FakeApi) -> None:
    batch = one_batch()
    pausing.pause_task(batch.version.task, by="anna", reason="lunch")
    monkeypatch.setattr(submit.bodies, "write", lambda *_: pytest.fail("a body was written"))
    assert not submit.submit(batch, setting())
    assert fake.calls == []


def test_a_pause_while_the_body_is_written_is_obeyed(monkeypatch: pytest.MonkeyPatch, fake: FakeApi) -> None:
    batch = one_batch()
    listing = fake.list_batches

    def pause_first(**more: Any) -> Any:
        pausing.pause_everything(by="anna", reason="lunch")
        return listing(**more)

    monkeypatch.setattr(batch_api, "list_batches", pause_first)
    assert not submit.submit(batch, setting())
    assert fake.called("create_batch") == []


def test_a_closing_gate_waits_for_a_claim_that_is_being_committed(fake: FakeApi) -> None:
    batch, account = one_batch(), sent_account(fake)
    claimed, closed = threading.Event(), threading.Event()

    def claim() -> bool:
        with transaction.atomic():
            found = batches.claim_create(
                anew(batch), account, deadline=timezone.now(), now=timezone.now(), newest_known_id=""
            )
            claimed.set()
            assert not closed.wait(0.3)
        return found

    def close() -> Any:
        assert claimed.wait(5)
        paused = pausing.pause_everything(by="anna", reason="lunch")
        closed.set()
        return paused.claimed

    assert at_once(claim, close) == [True, [str(batch)]]


def test_a_sender_that_is_killed_after_the_claim_is_frozen_after_its_deadline(
    monkeypatch: pytest.MonkeyPatch, fake: FakeApi
) -> None:
    batch = one_batch()

    def kill(_: Path) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        while_creating(patch, fake, kill)
        with pytest.raises(Killed):
            submit.submit(batch, setting(create_timeout_seconds=100))
    batch = anew(batch)
    assert batch.state == BatchState.SUBMITTING
    assert batch.deadline is not None
    assert recover.freeze_abandoned_submissions(batch.deadline) == 0
    assert recover.freeze_abandoned_submissions(batch.deadline + timedelta(seconds=31)) == 1
    batch = anew(batch)
    assert (batch.state, batch.doubt_since) == (BatchState.UNKNOWN, batch.deadline)
    assert not submit.submit(batch, setting())
    assert fake.called("create_batch") == []


def test_an_answer_after_the_batch_was_frozen_is_kept_for_whoever_settles_it(
    monkeypatch: pytest.MonkeyPatch, fake: FakeApi
) -> None:
    batch = one_batch()
    tomorrow = timezone.now() + timedelta(days=1)

    def freeze(_: Path) -> None:
        assert recover.freeze_abandoned_submissions(tomorrow) == 1

    while_creating(monkeypatch, fake, freeze)
    submit.submit(batch, setting())
    batch = anew(batch)
    assert batch.state == BatchState.UNKNOWN
    assert "msgbatch_000001" in batch.note


def test_a_question_that_fails_before_the_claim_leaves_the_batch_as_it_was(
    monkeypatch: pytest.MonkeyPatch, fake: FakeApi
) -> None:
    batch = one_batch()
    now = at(monkeypatch, timezone.now())
    fake.fail("list_batches", Fault.TRANSIENT, "No connection.")
    assert not submit.submit(batch, setting())
    batch = anew(batch)
    assert (batch.state, batch.claimed_at, batch.note) == (BatchState.BUILDING, None, "No connection.")
    assert batch.not_before == now + timedelta(seconds=60)
    assert fake.called("create_batch") == []


@pytest.mark.parametrize("status", [401, 403, None])
def test_a_key_that_may_not_even_ask_closes_the_gate_of_everything(fake: FakeApi, status: int | None) -> None:
    batch = one_batch()
    fake.fail("list_batches", Fault.PERMANENT, "The key is not known.", status=status)
    submit.submit(batch, setting())
    gate = Gate.objects.get(task=None)
    assert (gate.kind, gate.closed_by) == ("refusal", "submit")
    assert "The key is not known." in gate.reason
    assert anew(batch).state == BatchState.BUILDING
    assert fake.called("create_batch") == []


def test_a_file_that_cannot_be_opened_leaves_doubt_and_no_call(monkeypatch: pytest.MonkeyPatch, fake: FakeApi) -> None:
    batch = one_batch()

    def gone(body: Path, *, deadline: Any) -> Any:
        raise FileNotFoundError(2, "No such file")

    monkeypatch.setattr(batch_api, "create_batch", gone)
    with pytest.raises(FileNotFoundError):
        submit.submit(batch, setting())
    assert anew(batch).state == BatchState.SUBMITTING
    assert states() == {DocumentState.BATCHED: 4}


def test_an_unknown_word_of_the_api_does_not_lose_the_id(monkeypatch: pytest.MonkeyPatch, fake: FakeApi) -> None:
    batch = one_batch()

    def create(body: Path, *, deadline: Any) -> batch_api.Created:
        created = fake.create_batch(body, deadline=deadline)
        return replace(created, batch=replace(created.batch, processing_status="waiting_for_a_free_machine"))

    monkeypatch.setattr(batch_api, "create_batch", create)
    submit.submit(batch, setting())
    assert (batch.state, batch.message_batch_id) == (BatchState.IN_PROGRESS, "msgbatch_000001")


def test_a_text_of_every_kind_arrives_as_it_is(monkeypatch: pytest.MonkeyPatch, fake: FakeApi) -> None:
    wanted = ['{"a": "}"}', "{{ braces }} {% tags %}", "line\u2028separator", "nul-like \\u0000", "🌙 ümläut", "' -- ;"]
    content = b"".join(orjson.dumps({"text": text}) + b"\n" for text in wanted)
    seen: list[str] = []
    intake.import_rows(confirmed(a_version(), content, name="x.jsonl"), setting())
    while_creating(
        monkeypatch,
        fake,
        lambda body: seen.extend(entry["params"]["messages"][-1]["content"] for entry in body_of(body)),
    )
    sent()
    assert seen == wanted
