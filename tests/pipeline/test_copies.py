"""Exact repeats of a text under the same version are labeled once and paid once."""

import pytest

from labeling.models import Document, Request, Result
from labeling.states import DocumentState, FailureReason, Way
from labeling.transitions import again, imports
from tests.fake_api import FakeApi, errored, succeeded
from tests.pipeline.story import (
    a_version,
    brought_in,
    built,
    ended,
    fetched,
    played,
    sent,
    setting,
    states,
    the_document,
)

pytestmark = pytest.mark.usefixtures("house")


def test_a_repeat_in_the_same_file_is_a_copy_of_the_first(fake: FakeApi) -> None:
    upload = brought_in(a_version(), ["a", "b", "a", "a"])
    upload.refresh_from_db()
    assert (upload.accepted, upload.copies) == (4, 2)
    played(fake)
    assert states() == {DocumentState.LABELED: 4}
    assert Result.objects.count() == Request.objects.count() == 2
    assert len({document.result_id for document in Document.objects.filter(content__text="a")}) == 1


def test_a_repeat_of_a_labeled_text_is_labeled_at_once_and_costs_nothing(fake: FakeApi) -> None:
    version = a_version()
    brought_in(version, ["a"])
    played(fake)
    brought_in(version, ["a"])
    assert states() == {DocumentState.LABELED: 2}
    assert built() == []
    assert Result.objects.count() == 1


def test_a_repeat_of_a_failed_text_fails_at_once_with_the_same_reason(fake: FakeApi) -> None:
    version = a_version()
    fake.answers.append(errored("invalid_request_error"))
    brought_in(version, ["a"])
    played(fake)
    brought_in(version, ["a"])
    copy = Document.objects.exclude(leader=None).get()
    assert (copy.state, copy.failure_reason) == (DocumentState.FAILED, FailureReason.INVALID_REQUEST)


def test_copies_of_a_text_in_a_batch_are_labeled_with_it(fake: FakeApi) -> None:
    version = a_version()
    brought_in(version, ["a"])
    sent()
    brought_in(version, ["a"])
    assert states() == {DocumentState.BATCHED: 1, DocumentState.QUEUED: 1}
    assert built() == []
    fake.end()
    fake.answers.clear()
    ended(fake)
    fetched()
    assert states() == {DocumentState.LABELED: 2}


def test_copies_fail_with_their_leader_and_go_again_with_it(fake: FakeApi) -> None:
    fake.answers.append(succeeded("nonsense"))
    brought_in(a_version(), ["a", "a"])
    played(fake)
    assert states() == {DocumentState.FAILED: 2}
    copy = Document.objects.exclude(leader=None).get()
    assert copy.failure_reason == FailureReason.NOT_A_LABEL
    assert again.queue_again(Document.objects.filter(pk=copy.pk), Way.NOW) == 2
    played(fake)
    assert states() == {DocumentState.LABELED: 2}


def test_the_same_text_under_another_version_is_no_copy(fake: FakeApi) -> None:
    brought_in(a_version(), ["a"])
    brought_in(a_version(instructions="Another wording."), ["a"])
    assert Document.objects.leaders().count() == 2
    played(fake)
    assert Result.objects.count() == 2


def test_texts_that_differ_by_a_blank_are_not_copies() -> None:
    upload = brought_in(a_version(), ["a", "a ", " a", "A"])
    upload.refresh_from_db()
    assert upload.copies == 0


@pytest.mark.parametrize(
    ("leader", "copy", "pulled"),
    [
        (Way.TONIGHT, Way.NOW, Way.NOW),
        (Way.TONIGHT, Way.URGENT, Way.URGENT),
        (Way.NOW, Way.URGENT, Way.URGENT),
        (Way.URGENT, Way.TONIGHT, Way.URGENT),
        (Way.NOW, Way.TONIGHT, Way.NOW),
    ],
)
def test_a_copy_that_is_in_more_of_a_hurry_pulls_its_queued_leader(leader: Way, copy: Way, pulled: Way) -> None:
    version = a_version()
    brought_in(version, ["a"], way=leader)
    brought_in(version, ["a"], way=copy)
    assert the_document().way == pulled


def test_a_copy_sent_urgently_waits_for_a_leader_that_is_in_a_batch(fake: FakeApi) -> None:
    version = a_version()
    brought_in(version, ["a"])
    sent()
    brought_in(version, ["a"], way=Way.URGENT)
    assert (the_document().state, the_document().way) == (DocumentState.BATCHED, Way.NOW)
    assert fake.called("send_message") == []


def test_a_copy_that_came_in_while_its_leader_was_settled_is_labeled_late(fake: FakeApi) -> None:
    version = a_version()
    brought_in(version, ["a", "a"])
    played(fake)
    Document.objects.exclude(leader=None).update(state=DocumentState.QUEUED, result=None)
    assert imports.follow_settled_leaders() == 1
    assert states() == {DocumentState.LABELED: 2}


def test_a_document_with_a_label_keeps_it_when_it_is_sent_again_and_fails(fake: FakeApi) -> None:
    fake.answers.extend([succeeded('{"label":"red"}'), errored("invalid_request_error")])
    brought_in(a_version(), ["a"])
    played(fake)
    label = the_document().result_id
    Document.objects.update(state=DocumentState.FAILED, failure_reason=FailureReason.UNCLEAR)
    again.queue_again(Document.objects.all(), Way.NOW)
    played(fake, setting())
    assert (the_document().state, the_document().result_id) == (DocumentState.FAILED, label)
