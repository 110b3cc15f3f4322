"""Two who act at the same moment: a person decides while a worker is in the middle of something."""

import threading
import time
from collections.abc import Callable

import pytest
from django.db import connection, transaction
from django.utils import timezone

from labeling import faults, ledger
from labeling.models import Batch, Document, DocumentText, Result, Upload
from labeling.pipeline import cancel, erase, hold, ingest, settle, submit, withdraw
from labeling.states import BatchState, DocumentState, Way
from labeling.transitions import failures
from labeling.transitions.again import queue_again
from tests.fake_api import FakeApi
from tests.pipeline.story import (
    a_version,
    anew,
    at_once,
    brought_in,
    built,
    ended,
    fetched,
    sent,
    setting,
    states,
    texts,
)

pytestmark = pytest.mark.usefixtures("house")

Act = Callable[[], object]


def while_at(patch: pytest.MonkeyPatch, place: str, worker: Act, person: Act) -> list[object]:
    """The worker stands at the place until the person is done, or for as long as the person has to wait for it."""
    reached, done = threading.Event(), threading.Event()

    def reach(name: str) -> None:
        if name == place and not reached.is_set():
            reached.set()
            done.wait(0.5)

    def act() -> object:
        assert reached.wait(10)
        found = person()
        done.set()
        return found

    patch.setattr(faults, "reach", reach)
    found = at_once(worker, act)
    assert not [each for each in found if isinstance(each, BaseException)], found
    assert [identity.name for identity in ledger.identities() if not identity.holds] == []
    return found


def withdraws() -> object:
    return withdraw.withdraw_upload(Upload.objects.get(), setting(), by="ann")


def holds() -> object:
    return hold.hold_upload(Upload.objects.get(), by="ann", reason="wait", until=None)


def erases() -> object:
    return erase.erase_upload(Upload.objects.get(), by="ann", reason="asked for")


def followed() -> None:
    """A tick lets the documents follow what was decided about their upload."""
    withdraw.go_on(setting())
    erase.carry_out(setting(), until=timezone.now() + erase.RUN)


@pytest.mark.parametrize("decides", [withdraws, holds, erases])
@pytest.mark.parametrize("place", ["build: claimed", "build: committed"])
def test_what_a_person_stops_while_it_is_built_never_leaves(
    fake: FakeApi, monkeypatch: pytest.MonkeyPatch, decides: Act, place: str
) -> None:
    brought_in(a_version(), texts(3))
    while_at(monkeypatch, place, built, decides)
    for batch in Batch.objects.select_related("version__task"):
        submit.submit(batch, setting())
    sent()
    assert fake.called("create_batch") == []
    assert DocumentState.BATCHED not in states()


@pytest.mark.parametrize("decides", [withdraws, erases])
@pytest.mark.parametrize("place", ["ingest: stream open", "results: settled", "results: committed"])
def test_what_a_person_stops_while_its_results_are_read_is_booked_once(
    fake: FakeApi, monkeypatch: pytest.MonkeyPatch, decides: Act, place: str
) -> None:
    brought_in(a_version(), texts(5))
    (batch,) = ended(fake)
    monkeypatch.setattr(ingest, "CHUNK_LINES", 2)
    while_at(monkeypatch, place, lambda: ingest.ingest(anew(batch), setting()), decides)
    fetched()
    followed()
    assert states() == {DocumentState.WITHDRAWN: 5}
    assert Result.objects.count() == 5
    assert DocumentText.objects.exists() is (decides is withdraws)


def test_a_batch_that_is_canceled_while_its_results_are_read_stays_as_it_is(
    fake: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    brought_in(a_version(), texts(3))
    (batch,) = ended(fake)
    person = lambda: cancel.request_cancel(anew(batch), by="ann", withdraw=True)  # noqa: E731
    read = lambda: ingest.ingest(anew(batch), setting())  # noqa: E731
    assert while_at(monkeypatch, "results: settled", read, person) == [True, False]
    assert states() == {DocumentState.LABELED: 3}


def test_a_batch_that_is_canceled_while_it_is_claimed_is_sent_or_dissolved_and_never_both(
    fake: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    brought_in(a_version(), texts(3))
    (batch,) = built()
    person = lambda: cancel.request_cancel(anew(batch), by="ann", withdraw=False)  # noqa: E731
    send = lambda: submit.submit(anew(batch), setting())  # noqa: E731
    assert while_at(monkeypatch, "submit: newest known", send, person) == [False, True]
    assert (anew(batch).state, fake.called("create_batch")) == (BatchState.REJECTED, [])
    assert states() == {DocumentState.QUEUED: 3}


@pytest.mark.parametrize("decides", [withdraws, erases])
def test_what_a_person_stops_while_it_is_in_doubt_never_goes_again(fake: FakeApi, decides: Act) -> None:
    brought_in(a_version(), texts(3))
    fake.lose_answer_of_create()
    (batch,) = sent()
    decides()
    assert settle.declare_absent(anew(batch), by="ann", why="she knows") == 3
    assert built() == []
    followed()
    assert states() == {DocumentState.WITHDRAWN: 3}
    assert Document.objects.filter(attempts=0).count() == 3


def somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted)")
        return bool(cursor.fetchone()[0])


def test_who_closes_what_another_sends_again_at_that_moment_closes_nothing(fake: FakeApi) -> None:
    brought_in(a_version(), texts(3))
    Document.objects.update(state=DocumentState.FAILED, failure_reason="refused")
    sending = threading.Event()

    def sends() -> int:
        with transaction.atomic():
            moved = queue_again(Document.objects.all(), Way.NOW)
            sending.set()
            patience = time.monotonic() + 5
            while not somebody_waits() and time.monotonic() < patience:
                pass
        return moved

    def closes() -> int:
        assert sending.wait(10)
        return failures.close(Document.objects.all(), "not ours")

    assert at_once(sends, closes) == [3, 0]
    assert states() == {DocumentState.QUEUED: 3}


def test_of_two_who_erase_an_upload_at_once_the_second_reads_who_was_first(
    fake: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    brought_in(a_version(), texts(3))

    def refused() -> str:
        with pytest.raises(erase.NotErased) as told:
            erase.erase_upload(Upload.objects.get(), by="bob", reason="me too")
        return str(told.value)

    _, told = while_at(monkeypatch, "erase: asked", erases, refused)
    assert told == "ann asked for it before: asked for"
