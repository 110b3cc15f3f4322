"""A submission without a clear outcome is settled by what the API lists, and by nothing else."""

from contextlib import nullcontext
from datetime import timedelta

import pytest
from django.utils import timezone

from labeling import faults
from labeling.batch_api import Fault, MessageBatch
from labeling.models import Account, Batch, Candidate, Document, Request
from labeling.pipeline import doubt, poll, settle
from labeling.states import BatchState, DocumentState, Outcome, Verdict
from tests.fake_api import FakeApi
from tests.pipeline.story import (
    a_version,
    anew,
    at_once,
    brought_in,
    fetched,
    played,
    polled,
    sent,
    setting,
    states,
    texts,
)

pytestmark = pytest.mark.usefixtures("house")
GRACE = timedelta(seconds=900)


def a_doubtful_batch(fake: FakeApi, *, accepted: bool, documents: int = 3) -> Batch:
    """A batch whose create call had no clear outcome; `accepted` says whether the API has it all the same."""
    brought_in(a_version(), texts(documents))
    if accepted:
        fake.lose_answer_of_create()
    else:
        fake.fail("create_batch", Fault.UNCLEAR)
    (batch,) = sent()
    assert batch.state == BatchState.UNKNOWN
    return batch


def settled(at: timedelta = timedelta(0)) -> int:
    return doubt.settle_doubt(setting(), timezone.now() + at)


def test_a_batch_that_was_accepted_is_adopted_by_a_result_line_and_paid_once(fake: FakeApi) -> None:
    batch = a_doubtful_batch(fake, accepted=True)
    fake.end()
    assert settled() == 1
    assert anew(batch).state == BatchState.ENDED
    fetched()
    assert states() == {DocumentState.LABELED: 3}
    assert len(fake.called("create_batch")) == 1


@pytest.mark.parametrize("line", [b"nonsense", b'{"custom_id": "theirs-1", "result": {"type": "expired"}}'])
def test_a_strange_first_line_hides_nobody(fake: FakeApi, line: bytes) -> None:
    """Struck off it would count as absent, and everything of it would be paid a second time."""
    batch = a_doubtful_batch(fake, accepted=True)
    fake.end()
    fake.lines["msgbatch_000001"].insert(0, line)
    assert settled(at=GRACE + timedelta(seconds=5)) == 1
    assert anew(batch).state == BatchState.ENDED
    fetched()
    assert states() == {DocumentState.LABELED: 3}


def test_a_candidate_in_progress_is_only_watched_however_long_it_takes(fake: FakeApi) -> None:
    batch = a_doubtful_batch(fake, accepted=True)
    assert settled(at=10 * GRACE) == 0
    assert anew(batch).state == BatchState.UNKNOWN
    assert Candidate.objects.get().verdict == Verdict.WATCHED
    assert fake.called("cancel_batch") == []


def test_absence_counts_as_proved_only_after_the_grace_time(fake: FakeApi) -> None:
    batch = a_doubtful_batch(fake, accepted=False)
    assert settled() == 0
    assert anew(batch).state == BatchState.UNKNOWN
    assert settled(at=GRACE + timedelta(seconds=5)) == 1
    assert anew(batch).state == BatchState.ABSENT
    assert states() == {DocumentState.QUEUED: 3}
    assert set(Request.objects.values_list("outcome", flat=True)) == {Outcome.NOT_SENT}


def test_what_was_proved_absent_goes_again_under_a_new_token(fake: FakeApi) -> None:
    batch = a_doubtful_batch(fake, accepted=False)
    settled(at=GRACE + timedelta(seconds=5))
    (second,) = played(fake)
    assert second.token != batch.token
    assert states() == {DocumentState.LABELED: 3}


def test_a_foreign_batch_of_the_same_size_is_struck_off_and_never_canceled(fake: FakeApi) -> None:
    batch = a_doubtful_batch(fake, accepted=False)
    fake.add_foreign(3)
    fake.end()
    settled()
    assert Candidate.objects.get().verdict == Verdict.ANOTHERS
    assert settled(at=GRACE + timedelta(seconds=5)) == 1
    assert anew(batch).state == BatchState.ABSENT
    assert fake.called("cancel_batch") == []


def test_a_foreign_batch_of_the_same_size_is_told_too(fake: FakeApi) -> None:
    a_doubtful_batch(fake, accepted=False)
    theirs = fake.add_foreign(3)
    fake.end()
    settled()
    assert Account.objects.get().foreign_batch_id == theirs.id


def test_a_foreign_batch_beside_ours_leaves_ours_to_be_adopted(fake: FakeApi) -> None:
    batch = a_doubtful_batch(fake, accepted=True)
    fake.add_foreign(3)
    fake.end()
    settled()
    assert anew(batch).message_batch_id in fake.batches
    assert sorted(Candidate.objects.values_list("verdict", flat=True)) == [Verdict.ANOTHERS, Verdict.OURS]


def test_batches_of_another_program_are_told(fake: FakeApi) -> None:
    a_doubtful_batch(fake, accepted=False)
    theirs = fake.add_foreign(7)
    settled()
    assert Account.objects.get().foreign_batch_id == theirs.id


def test_a_batch_from_before_the_intent_is_no_candidate(fake: FakeApi) -> None:
    fake.add_foreign(3)
    a_doubtful_batch(fake, accepted=False)
    settled()
    assert not Candidate.objects.exists()


def test_another_row_of_ours_is_no_candidate(fake: FakeApi) -> None:
    a_doubtful_batch(fake, accepted=False)
    brought_in(a_version(), texts(3, "other"))
    sent()
    settled()
    assert not Candidate.objects.exists()


def test_a_late_twin_of_an_absent_batch_is_told_and_changes_nothing_else(fake: FakeApi) -> None:
    batch = a_doubtful_batch(fake, accepted=True)
    hidden = dict(fake.batches)
    fake.batches.clear()
    settled(at=GRACE + timedelta(seconds=5))
    assert anew(batch).state == BatchState.ABSENT
    fake.batches.update(hidden)
    fake.end()
    settled()
    assert Candidate.objects.get().verdict == Verdict.LATE_TWIN
    assert "late twin" in anew(batch).note
    assert anew(batch).state == BatchState.ABSENT


def test_a_failed_list_settles_nothing(fake: FakeApi) -> None:
    batch = a_doubtful_batch(fake, accepted=False)
    fake.fail("list_batches", Fault.TRANSIENT)
    assert settled(at=GRACE + timedelta(seconds=5)) == 0
    assert anew(batch).state == BatchState.UNKNOWN


def test_another_workspace_freezes_the_doubt_with_a_sentence(fake: FakeApi) -> None:
    batch = a_doubtful_batch(fake, accepted=False)
    Batch.objects.update(account=Account.objects.create(base_url="sandbox", workspace_id="wrkspc_other"))
    assert settled(at=GRACE + timedelta(seconds=5)) == 0
    assert anew(batch).state == BatchState.UNKNOWN
    assert "the key in use belongs to" in anew(batch).note


# Several who settle at once


def two_doubtful_batches(fake: FakeApi) -> tuple[Batch, Batch]:
    """Of the same size and both accepted: each may be the other."""
    first = a_doubtful_batch(fake, accepted=True)
    brought_in(a_version("shapes"), texts(3, "shape"))
    fake.lose_answer_of_create()
    (second,) = sent()
    return first, second


def given_by_hand(batch: Batch, message_batch_id: str) -> None:
    assert settle.adopt(batch, message_batch_id, by="ann", why="it looks like it")


def test_two_doubtful_batches_of_the_same_size_get_each_its_own(fake: FakeApi) -> None:
    batches = two_doubtful_batches(fake)
    fake.end()
    assert settled() == 2
    assert [anew(batch).message_batch_id for batch in batches] == ["msgbatch_000001", "msgbatch_000002"]


@pytest.mark.parametrize("accepted", [True, False])
def test_two_who_settle_at_once_settle_once(fake: FakeApi, monkeypatch: pytest.MonkeyPatch, accepted: bool) -> None:
    """The guarded move decides even where the lock does not."""
    batch = a_doubtful_batch(fake, accepted=accepted)
    fake.end()
    monkeypatch.setattr(doubt, "only_one", lambda _: nullcontext(True))
    at_once(*[lambda: settled(at=GRACE + timedelta(seconds=5))] * 4)
    assert batch.events.filter(old=BatchState.UNKNOWN).count() == 1
    assert set(Document.objects.values_list("attempts", flat=True)) == {int(accepted)}


@pytest.mark.parametrize("place", ["doubt: listed", "doubt: candidates noted", "doubt: lines read"])
def test_a_person_who_declares_it_dead_while_its_lines_are_read_is_told_of_the_twin(
    fake: FakeApi, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    batch = a_doubtful_batch(fake, accepted=True)
    fake.end()

    def act(reached: str) -> None:
        if reached == place:
            settle.declare_absent(anew(batch), by="ann", why="in a hurry")

    monkeypatch.setattr(faults, "reach", act)
    settled()
    monkeypatch.undo()
    fake.install(monkeypatch)
    settled()
    assert anew(batch).state == BatchState.ABSENT
    assert Candidate.objects.get().verdict == Verdict.LATE_TWIN
    assert "3 of its requests were paid a second time" in anew(batch).note


def test_a_body_that_arrives_after_a_person_declared_it_dead_is_told(fake: FakeApi) -> None:
    batch = a_doubtful_batch(fake, accepted=True)
    hidden = dict(fake.batches)
    fake.batches.clear()
    assert settle.declare_absent(batch, by="ann", why="the list is empty") == 3
    fake.batches.update(hidden)
    fake.end()
    settled()
    assert Candidate.objects.get().verdict == Verdict.LATE_TWIN


def test_a_person_who_adopts_it_while_its_lines_are_read_changes_nothing(
    fake: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = a_doubtful_batch(fake, accepted=True)
    fake.end()

    def act(place: str) -> None:
        if place == "doubt: lines read":
            given_by_hand(anew(batch), "msgbatch_000001")

    monkeypatch.setattr(faults, "reach", act)
    settled()
    monkeypatch.undo()
    fake.install(monkeypatch)
    polled()
    assert fetched() == [True]
    assert states() == {DocumentState.LABELED: 3}


# A person who adopts the wrong one


def test_an_id_that_was_given_to_the_wrong_batch_by_hand_finds_its_own(fake: FakeApi) -> None:
    first, second = two_doubtful_batches(fake)
    given_by_hand(second, "msgbatch_000001")
    settled(at=10 * GRACE)
    assert anew(first).state == BatchState.UNKNOWN
    fake.end()
    settled(at=10 * GRACE)
    assert "was given to" in anew(first).note
    polled()
    assert fetched() == [False]
    assert anew(second).state == BatchState.UNKNOWN
    assert settled() == 2
    fetched()
    assert [anew(batch).message_batch_id for batch in (first, second)] == ["msgbatch_000001", "msgbatch_000002"]
    assert states() == {DocumentState.LABELED: 6}
    assert len(fake.called("create_batch")) == 2


def test_a_batch_of_another_program_that_a_person_adopted_is_given_back(fake: FakeApi) -> None:
    batch = a_doubtful_batch(fake, accepted=False)
    theirs = fake.add_foreign(3)
    given_by_hand(batch, theirs.id)
    fake.end()
    polled()
    assert fetched() == [False]
    assert "its lines carry another token" in anew(batch).note
    assert Request.objects.filter(outcome=Outcome.OPEN).count() == 3
    assert settled(at=GRACE + timedelta(seconds=5)) == 1
    assert states() == {DocumentState.QUEUED: 3}


def test_an_id_that_the_api_does_not_know_is_given_back_after_a_while(fake: FakeApi) -> None:
    batch = a_doubtful_batch(fake, accepted=False)
    given_by_hand(batch, "msgbatch_mistyped")
    polled()
    assert anew(batch).state == BatchState.IN_PROGRESS
    Batch.objects.update(next_poll_at=None)
    poll.poll_due(setting(), timezone.now() + poll.NEVER_SEEN_FOR + timedelta(seconds=5))
    assert anew(batch).state == BatchState.UNKNOWN
    assert "the API does not know msgbatch_mistyped" in anew(batch).note


def test_a_batch_that_the_api_knew_once_is_never_given_back(fake: FakeApi) -> None:
    batch = a_doubtful_batch(fake, accepted=True)
    given_by_hand(batch, "msgbatch_000001")
    polled()
    known: dict[str, MessageBatch] = dict(fake.batches)
    fake.batches.clear()
    Batch.objects.update(next_poll_at=None)
    poll.poll_due(setting(), timezone.now() + timedelta(days=1))
    assert anew(batch).state == BatchState.IN_PROGRESS
    fake.batches.update(known)
