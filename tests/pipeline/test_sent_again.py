"""What a person decides about failures: send again, or close."""

import pytest

from labeling.models import Document, Request
from labeling.states import DocumentState, FailureReason, Way
from labeling.transitions import again, failures
from tests.fake_api import FakeApi, errored, succeeded
from tests.pipeline.story import a_version, brought_in, built, forget_waits, played, setting, states, the_document

pytestmark = pytest.mark.usefixtures("house")

NONSENSE = succeeded("nonsense")


def failed(fake: FakeApi, *texts: str) -> None:
    fake.answers.extend([NONSENSE] * len(texts))
    brought_in(a_version(), texts)
    played(fake)
    assert states() == {DocumentState.FAILED: len(texts)}


def test_a_failure_that_is_sent_again_starts_with_fresh_attempts(fake: FakeApi) -> None:
    settings = setting(max_attempts=2)
    fake.answers.extend([errored("api_error")] * 4)
    brought_in(a_version(), ["a"])
    for _ in range(2):
        played(fake, settings)
        forget_waits()
    assert the_document().failure_reason == FailureReason.TOO_MANY_ATTEMPTS
    assert again.queue_again(Document.objects.all(), Way.NOW) == 1
    played(fake, settings)
    assert (the_document().state, the_document().attempts) == (DocumentState.QUEUED, 3)
    forget_waits()
    played(fake, settings)
    assert the_document().failure_reason == FailureReason.TOO_MANY_ATTEMPTS
    assert Request.objects.count() == 4


def test_a_failure_goes_again_the_way_the_person_said(fake: FakeApi) -> None:
    failed(fake, "a", "b")
    assert again.queue_again(Document.objects.filter(content__text="a"), Way.TONIGHT) == 1
    assert the_document("a").way == Way.TONIGHT
    assert [batch.way for batch in built()] == [Way.TONIGHT]
    assert the_document("b").state == DocumentState.FAILED


def test_sending_again_twice_sends_once(fake: FakeApi) -> None:
    failed(fake, "a")
    assert again.queue_again(Document.objects.all(), Way.NOW) == 1
    assert again.queue_again(Document.objects.all(), Way.NOW) == 0
    played(fake)
    assert states() == {DocumentState.LABELED: 1}
    assert again.queue_again(Document.objects.all(), Way.NOW) == 0


def test_a_failure_that_is_closed_leaves_the_list_of_decisions_and_can_be_opened_again(fake: FakeApi) -> None:
    failed(fake, "a", "b")
    task = the_document("a").version.task
    of_the_task = Document.objects.filter(version__task=task, content__text="a")
    assert failures.close(of_the_task, "not worth it") == 1
    assert failures.close(of_the_task, "again") == 0
    assert [document.content.text for document in Document.objects.need_a_person()] == ["b"]
    assert the_document("a").closed_reason == "not worth it"
    assert again.queue_again(Document.objects.all(), Way.NOW) == 2
    assert (the_document("a").closed_at, the_document("a").closed_reason) == (None, "")


def test_what_waits_or_is_labeled_cannot_be_closed_or_sent_again(fake: FakeApi) -> None:
    brought_in(a_version(), ["a"])
    assert failures.close(Document.objects.all(), "no") == 0
    assert again.queue_again(Document.objects.all(), Way.NOW) == 0
    played(fake)
    assert failures.close(Document.objects.all(), "no") == 0


def test_what_is_sent_again_goes_with_the_version_in_use(fake: FakeApi) -> None:
    failed(fake, "a", "b")
    corrected = a_version(max_tokens=512)
    again.queue_again(Document.objects.all(), Way.NOW)
    played(fake)
    assert states() == {DocumentState.LABELED: 2}
    assert set(Document.objects.values_list("version", flat=True)) == {corrected.pk}
    assert set(
        Request.objects.filter(outcome="succeeded", version=corrected).values_list("document", flat=True)
    ) == set(Document.objects.values_list("pk", flat=True))


def test_copies_go_to_the_version_in_use_with_their_leader(fake: FakeApi) -> None:
    fake.answers.append(NONSENSE)
    brought_in(a_version(), ["a", "a"])
    played(fake)
    corrected = a_version(max_tokens=512)
    assert again.queue_again(Document.objects.all(), Way.NOW) == 2
    played(fake)
    assert states() == {DocumentState.LABELED: 2}
    assert set(Document.objects.values_list("version", flat=True)) == {corrected.pk}
    assert Request.objects.count() == 2


def test_a_text_that_the_version_in_use_has_labeled_already_is_not_paid_again(fake: FakeApi) -> None:
    failed(fake, "a")
    corrected = a_version(max_tokens=512)
    brought_in(corrected, ["a"])
    played(fake)
    again.queue_again(Document.objects.all(), Way.NOW)
    assert states() == {DocumentState.LABELED: 2}
    assert built() == []
    assert Request.objects.count() == 2


def test_the_same_text_failed_under_two_old_versions_is_sent_once(fake: FakeApi) -> None:
    failed(fake, "a")
    fake.answers.append(NONSENSE)
    brought_in(a_version(max_tokens=100), ["a"])
    played(fake)
    a_version(max_tokens=512)
    again.queue_again(Document.objects.all(), Way.NOW)
    played(fake)
    assert states() == {DocumentState.LABELED: 2}
    assert Request.objects.count() == 3
