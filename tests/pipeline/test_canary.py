"""One document of a new version goes in real time before many are sent in batches."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from labeling import faults
from labeling.batch_api import Fault
from labeling.messages.prompts import Label
from labeling.models import Batch, Canary, Document, Gate, LabelingTask, ListedModel
from labeling.pipeline import canary, pausing, submit, urgent
from labeling.states import BatchState, CanaryState, DocumentState
from tests.fake_api import FakeApi, succeeded
from tests.pipeline.story import MODEL, a_version, anew, brought_in, built, setting, states, texts

pytestmark = pytest.mark.usefixtures("house")
ON = setting(canary=True)


def arranged() -> None:
    canary.arrange(ON, timezone.now())


def test_many_documents_of_an_unproved_version_wait_for_their_canary(fake: FakeApi) -> None:
    brought_in(a_version(), texts(101))
    arranged()
    assert built(ON) == []
    assert Canary.objects.get().state == CanaryState.SENT


def test_a_hundred_documents_need_no_canary(fake: FakeApi) -> None:
    brought_in(a_version(), texts(100))
    arranged()
    assert [batch.request_total for batch in built(ON)] == [100]
    assert not Canary.objects.exists()


def test_a_canary_that_came_back_lets_the_others_go_and_keeps_its_answer(fake: FakeApi) -> None:
    brought_in(a_version(), texts(101))
    arranged()
    urgent.drain(ON)
    arranged()
    assert Canary.objects.get().state == CanaryState.PROVED
    assert [batch.request_total for batch in built(ON)] == [100]
    assert states() == {DocumentState.LABELED: 1, DocumentState.BATCHED: 100}


def test_an_answer_off_the_list_proves_the_params(fake: FakeApi) -> None:
    fake.answers.append(succeeded('{"label": "violet"}'))
    brought_in(a_version(), texts(101))
    arranged()
    urgent.drain(ON)
    arranged()
    assert Canary.objects.get().state == CanaryState.PROVED


def test_a_refused_canary_holds_its_task_only(fake: FakeApi) -> None:
    brought_in(a_version(), texts(101))
    brought_in(a_version("shapes"), texts(5, "shape"))
    fake.fail("send_message", Fault.PERMANENT, "Bad schema.", status=400, error_type="invalid_request_error")
    arranged()
    urgent.drain(ON)
    arranged()
    gate = Gate.objects.get(closed_at__isnull=False)
    assert (gate.task.slug if gate.task else "", gate.kind) == ("colors", "canary")
    assert [batch.version.task.slug for batch in built(ON)] == ["shapes"]
    assert len(fake.called("send_message")) == 1


def test_a_cut_off_canary_fails(fake: FakeApi) -> None:
    fake.answers.append(succeeded("{", stop_reason="max_tokens"))
    brought_in(a_version(), texts(101))
    arranged()
    urgent.drain(ON)
    arranged()
    assert Canary.objects.get().state == CanaryState.FAILED
    assert built(ON) == []


def test_a_corrected_version_opens_the_gate_that_its_canary_closed(fake: FakeApi) -> None:
    test_a_cut_off_canary_fails(fake)
    a_version(max_tokens=512)
    assert not Gate.objects.filter(closed_at__isnull=False).exists()


def test_a_rate_limit_means_later_and_not_failed(fake: FakeApi) -> None:
    brought_in(a_version(), texts(101))
    fake.fail("send_message", Fault.TRANSIENT, status=429, retry_after=30)
    arranged()
    urgent.drain(ON)
    arranged()
    assert Canary.objects.get().state == CanaryState.SENT
    assert not Gate.objects.filter(closed_at__isnull=False).exists()


def test_a_lost_answer_proves_nothing_and_the_next_document_tries(fake: FakeApi) -> None:
    brought_in(a_version(), texts(102))
    fake.fail("send_message", Fault.UNCLEAR)
    arranged()
    urgent.drain(ON)
    arranged()
    arranged()
    assert Canary.objects.get().state == CanaryState.SENT
    assert Document.objects.filter(state=DocumentState.FAILED).count() == 1
    assert len(fake.called("send_message")) == 1


def test_a_canary_that_comes_back_while_it_is_read_is_not_taken_for_lost(
    fake: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    brought_in(a_version(), texts(101))
    arranged()
    monkeypatch.setattr(faults, "reach", lambda name: urgent.drain(ON) if name == "canary: read" else None)
    arranged()
    monkeypatch.undo()
    fake.install(monkeypatch)
    arranged()
    assert Canary.objects.get().state == CanaryState.PROVED
    assert len(fake.called("send_message")) == 1


def test_resuming_the_task_sends_another_canary(fake: FakeApi) -> None:
    test_a_cut_off_canary_fails(fake)
    assert Document.objects.waiting().count() == 100
    assert pausing.resume_task(LabelingTask.objects.get(), by="test")
    arranged()
    assert Canary.objects.filter(state=CanaryState.SENT).count() == 1
    assert built(ON) == []


def test_a_gate_that_was_closed_for_another_reason_than_was_seen_stays_closed(fake: FakeApi) -> None:
    test_a_cut_off_canary_fails(fake)
    assert not pausing.resume_task(LabelingTask.objects.get(), by="test", seen="person")
    assert Gate.objects.filter(closed_at__isnull=False, kind="canary").exists()


def test_a_version_needs_its_own_canary(fake: FakeApi) -> None:
    test_a_canary_that_came_back_lets_the_others_go_and_keeps_its_answer(fake)
    brought_in(a_version(labels=(Label("one"), Label("two"))), texts(101))
    arranged()
    assert built(ON) == []
    assert Batch.objects.count() == 1


def proved(fake: FakeApi) -> Batch:
    """Many documents in a batch that was built behind a canary, and not sent."""
    brought_in(a_version(), texts(102))
    arranged()
    urgent.drain(ON)
    arranged()
    (batch,) = built(ON)
    return Batch.objects.select_related("version__task").get(pk=batch.pk)


def a_day_passes() -> None:
    Canary.objects.update(decided_at=timezone.now() - timedelta(hours=24))


def the_model_changes() -> None:
    now = timezone.now()
    ListedModel.objects.create(id=MODEL, display_name=MODEL, seen_at=now, lifecycle_changed_at=now)


def test_within_a_day_no_second_canary_is_sent(fake: FakeApi) -> None:
    proved(fake)
    Canary.objects.update(decided_at=timezone.now() - timedelta(hours=23, minutes=59))
    brought_in(a_version(), texts(150, "more"))
    arranged()
    assert [batch.request_total for batch in built(ON)] == [150]
    assert len(fake.called("send_message")) == 1


@pytest.mark.parametrize("what_happens", [a_day_passes, the_model_changes])
def test_a_proof_ends_after_a_day_and_when_the_life_of_its_model_changes(
    fake: FakeApi, what_happens: Callable[[], None]
) -> None:
    proved(fake)
    what_happens()
    brought_in(a_version(), texts(150, "more"))
    arranged()
    assert built(ON) == []
    urgent.drain(ON)
    arranged()
    assert [batch.request_total for batch in built(ON)] == [149]
    assert len(fake.called("send_message")) == 2


@pytest.mark.parametrize("what_happens", [a_day_passes, the_model_changes])
def test_a_batch_whose_proof_ended_before_it_left_waits_for_another_canary(
    fake: FakeApi, what_happens: Callable[[], None]
) -> None:
    batch = proved(fake)
    what_happens()
    assert not submit.submit(batch, ON)
    assert fake.called("create_batch") == []
    assert (anew(batch).state, states()[DocumentState.QUEUED]) == (BatchState.REJECTED, batch.request_total)
    assert set(Document.objects.filter(state=DocumentState.QUEUED).values_list("attempts", flat=True)) == {0}
    arranged()
    urgent.drain(ON)
    arranged()
    (second,) = built(ON)
    assert submit.submit(anew(second), ON)
    assert len(fake.called("create_batch")) == 1
