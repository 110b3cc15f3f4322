"""A person cancels a batch: what finished is kept and paid, the rest waits again or is withdrawn."""

import pytest

from labeling.batch_api import Fault
from labeling.models import Activity, Document, Request
from labeling.pipeline import cancel
from labeling.states import BatchState, DocumentState, Outcome, Way
from tests.fake_api import FakeApi, canceled, succeeded
from tests.pipeline.story import a_version, anew, brought_in, built, fetched, played, polled, sent, states, the_document

pytestmark = pytest.mark.usefixtures("house")


def canceled_in_the_middle(fake: FakeApi, *, withdraw: bool) -> None:
    """Two documents: the API finished one before it canceled the other."""
    brought_in(a_version(), ["a", "b"])
    (batch,) = sent()
    assert cancel.request_cancel(batch, by="ops", withdraw=withdraw)
    assert cancel.ask_for_cancels() == 1
    assert anew(batch).state == BatchState.CANCELING
    fake.answers.extend((succeeded('{"label": "red"}'), canceled()))
    fake.end()
    polled()
    assert fetched() == [True]


def test_what_finished_is_kept_and_the_rest_waits_for_the_night(fake: FakeApi) -> None:
    canceled_in_the_middle(fake, withdraw=False)
    assert states() == {DocumentState.LABELED: 1, DocumentState.QUEUED: 1}
    assert Document.objects.get(state=DocumentState.QUEUED).way == Way.TONIGHT


def test_the_rest_is_withdrawn_if_the_person_chose_so(fake: FakeApi) -> None:
    canceled_in_the_middle(fake, withdraw=True)
    assert states() == {DocumentState.LABELED: 1, DocumentState.WITHDRAWN: 1}


def test_a_batch_that_was_not_sent_is_dissolved_at_once(fake: FakeApi) -> None:
    brought_in(a_version(), ["a"])
    (batch,) = built()
    assert cancel.request_cancel(batch, by="ops", withdraw=False)
    assert anew(batch).state == BatchState.REJECTED
    assert states() == {DocumentState.QUEUED: 1}
    assert Request.objects.get().outcome == Outcome.NOT_SENT
    assert fake.called("create_batch") == []


def test_a_cancel_that_the_api_refuses_now_is_asked_again(fake: FakeApi) -> None:
    brought_in(a_version(), ["a"])
    (batch,) = sent()
    cancel.request_cancel(batch, by="ops", withdraw=False)
    fake.fail("cancel_batch", Fault.TRANSIENT)
    assert cancel.ask_for_cancels() == 0
    assert anew(batch).state == BatchState.IN_PROGRESS
    assert cancel.ask_for_cancels() == 1


def test_of_two_who_cancel_the_first_decides_what_becomes_of_the_rest(fake: FakeApi) -> None:
    brought_in(a_version(), ["a"])
    (batch,) = sent()
    assert cancel.request_cancel(batch, by="ann", withdraw=False)
    assert not cancel.request_cancel(batch, by="ben", withdraw=True)
    batch = anew(batch)
    assert (batch.cancel_requested_by, batch.withdraw_canceled) == ("ann", False)


def test_an_ended_batch_cannot_be_canceled_and_nothing_is_written(fake: FakeApi) -> None:
    brought_in(a_version(), ["a"])
    (batch,) = played(fake)
    before = Activity.objects.count()
    assert not cancel.request_cancel(batch, by="ops", withdraw=True)
    assert Activity.objects.count() == before
    assert states() == {DocumentState.LABELED: 1}


def test_copies_of_the_same_upload_are_withdrawn_with_their_leader(fake: FakeApi) -> None:
    brought_in(a_version(), ["a", "a"])
    (batch,) = sent()
    cancel.request_cancel(batch, by="ops", withdraw=True)
    cancel.ask_for_cancels()
    fake.answers.append(canceled())
    fake.end()
    polled()
    fetched()
    assert states() == {DocumentState.WITHDRAWN: 2}


def test_a_copy_in_another_upload_takes_over_from_a_withdrawn_leader(fake: FakeApi) -> None:
    version = a_version()
    brought_in(version, ["a"])
    (batch,) = sent()
    brought_in(version, ["a", "a"])
    cancel.request_cancel(batch, by="ops", withdraw=True)
    cancel.ask_for_cancels()
    fake.answers.append(canceled())
    fake.end()
    polled()
    fetched()
    played(fake)
    assert states() == {DocumentState.WITHDRAWN: 1, DocumentState.LABELED: 2}


def test_a_text_that_comes_after_its_leader_was_withdrawn_is_sent(fake: FakeApi) -> None:
    canceled_in_the_middle(fake, withdraw=True)
    brought_in(a_version(), ["b", "b"])
    played(fake)
    assert states() == {DocumentState.LABELED: 3, DocumentState.WITHDRAWN: 1}
    assert the_document("b").state == DocumentState.LABELED
