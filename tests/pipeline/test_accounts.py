"""An open batch is asked for only with its own account: a new key of the same workspace goes on, another freezes it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from labeling.batch_api import Account as Key
from labeling.health.troubles import troubles
from labeling.models import Account, Batch, Document
from labeling.pipeline import cancel
from labeling.states import BatchState, DocumentState
from tests import fake_api
from tests.fake_api import FakeApi
from tests.pipeline.story import a_version, anew, brought_in, fetched, polled, sent, setting, states, texts

pytestmark = pytest.mark.usefixtures("house")


@pytest.fixture
def batch(fake: FakeApi) -> Batch:
    """At the API, under the first key."""
    brought_in(a_version(), texts(3))
    (batch,) = sent()
    assert batch.account
    assert batch.account.workspace_id == fake_api.WORKSPACE
    return batch


def another_key(fake: FakeApi, patch: pytest.MonkeyPatch, name: str) -> None:
    patch.setattr("labeling.batch_api.account", lambda: Key("http://127.0.0.1:9", name, True))


def another_workspace(fake: FakeApi, patch: pytest.MonkeyPatch) -> None:
    """A key of another workspace: it sees one batch that is not ours, and none of ours."""
    another_key(fake, patch, "other")
    theirs = replace(next(iter(fake.batches.values())), id="msgbatch_theirs", workspace_id="wrkspc_other")
    patch.setattr("labeling.batch_api.list_batches", lambda **_: iter([theirs]))


def test_a_rotated_key_of_the_same_workspace_goes_on(
    batch: Batch, fake: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    another_key(fake, monkeypatch, "rotated")
    fake.end()
    polled()
    assert anew(batch).state == BatchState.ENDED
    assert fetched() == [True]
    assert states() == {DocumentState.LABELED: 3}
    assert Account.objects.get().key_fingerprint == "rotated"


def test_a_key_of_another_workspace_freezes_the_batch_with_a_sentence(
    batch: Batch, fake: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as while_it_is_in_use:
        another_workspace(fake, while_it_is_in_use)
        fake.end()
        before = len(fake.called("retrieve_batch"))
        polled()
        polled()
        assert len(fake.called("retrieve_batch")) == before
        frozen = anew(batch)
        assert frozen.state == BatchState.IN_PROGRESS
        assert "wrkspc_other" in frozen.note
        assert "so it is not polled" in frozen.note
        assert Document.objects.filter(state=DocumentState.BATCHED).count() == 3
    polled()
    assert anew(batch).state == BatchState.ENDED


def test_a_batch_that_stands_frozen_is_a_trouble_with_its_reason(batch: Batch) -> None:
    Batch.objects.update(note="the key in use belongs to another", polled_at=None, created_at=timezone.now())
    now = timezone.now()
    assert "not_polled" not in {trouble.kind for trouble in troubles(setting(), now + timedelta(minutes=29))}
    (trouble,) = [t for t in troubles(setting(), now + timedelta(minutes=31)) if t.kind == "not_polled"]
    assert trouble.subject == str(batch)
    assert "the key in use belongs to another" in str(trouble)


def test_batches_of_other_programs_are_neither_adopted_nor_canceled_nor_polled(batch: Batch, fake: FakeApi) -> None:
    foreign = fake.add_foreign(3)
    Batch.objects.update(cancel_requested_at=timezone.now(), cancel_requested_by="anna")
    cancel.ask_for_cancels()
    fake.end()
    polled()
    touched = [*fake.called("cancel_batch"), *fake.called("retrieve_batch"), *fake.called("result_lines")]
    assert foreign.id not in touched
    assert not Batch.objects.filter(message_batch_id=foreign.id).exists()
