"""A submission without a clear outcome is settled by what the API lists, and by nothing else."""

from datetime import timedelta

import pytest
from django.utils import timezone

from labeling.batch_api import Fault
from labeling.models import Account, Batch, Candidate, Request
from labeling.pipeline import doubt
from labeling.states import BatchState, DocumentState, Outcome, Verdict
from tests.fake_api import FakeApi
from tests.pipeline.story import a_version, anew, brought_in, fetched, played, sent, setting, states, texts

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
