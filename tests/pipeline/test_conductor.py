"""All stages in story order, until nothing is left that time alone would move."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from labeling.batch_api import Fault
from labeling.models import Batch, Document, Upload
from labeling.pipeline import conductor, pausing
from labeling.pipeline.conductor import Ending
from labeling.states import BatchState, DocumentState, UploadState, Way
from tests.fake_api import FakeApi, errored, succeeded
from tests.pipeline.story import a_version, at, brought_in, confirmed, setting, states, texts

pytestmark = pytest.mark.usefixtures("house")


@pytest.fixture
def ending_at_once(monkeypatch: pytest.MonkeyPatch, fake: FakeApi) -> FakeApi:
    """The API ends a batch as soon as it is asked for, and nobody naps."""
    retrieve = fake.retrieve_batch

    def end_and_retrieve(batch_id: str) -> Any:
        fake.end()
        return retrieve(batch_id)

    monkeypatch.setattr("labeling.batch_api.retrieve_batch", end_and_retrieve)
    monkeypatch.setattr(conductor, "_nap", lambda _: None)
    return fake


def until_idle(**settings: Any) -> conductor.Report:
    return conductor.run_until_idle(setting(**settings), timeout=30)


def test_everything_that_waits_is_labeled(ending_at_once: FakeApi) -> None:
    version = a_version()
    brought_in(version, texts(5), way=Way.TONIGHT)
    brought_in(version, texts(3, "now"), way=Way.NOW)
    brought_in(version, texts(2, "urgent"), way=Way.URGENT)
    confirmed(version, b"not imported yet\n")
    report = until_idle(batch_requests=2)
    assert (report.ending, report.sentences) == (Ending.IDLE, [])
    assert states() == {DocumentState.LABELED: 11}
    assert set(Upload.objects.values_list("state", flat=True)) <= {UploadState.READY, UploadState.DONE}


def test_an_empty_house_is_idle(ending_at_once: FakeApi) -> None:
    assert until_idle().ending == Ending.IDLE
    assert ending_at_once.called("create_batch") == []


def test_a_back_off_is_not_waited_for(ending_at_once: FakeApi) -> None:
    ending_at_once.answers.extend([errored("api_error")] * 2)
    brought_in(a_version(), ["a"])
    assert until_idle(retry_backoff_seconds=3600).ending == Ending.IDLE
    assert Document.objects.get().attempts == 3


def test_failed_documents_do_not_keep_it_running(ending_at_once: FakeApi) -> None:
    ending_at_once.answers.append(succeeded("nonsense"))
    brought_in(a_version(), ["a", "b"])
    assert until_idle().ending == Ending.IDLE
    assert states() == {DocumentState.FAILED: 1, DocumentState.LABELED: 1}


def test_what_a_person_paused_is_no_work_and_is_named(ending_at_once: FakeApi) -> None:
    brought_in(a_version("held"), ["a"])
    brought_in(a_version("free"), ["b"])
    pausing.pause_task(Document.objects.get(content__text="a").version.task, by="anna", reason="not today")
    report = until_idle()
    assert report.ending == Ending.IDLE
    assert any("held" in sentence and "anna" in sentence and "not today" in sentence for sentence in report.sentences)
    assert states() == {DocumentState.QUEUED: 1, DocumentState.LABELED: 1}


@pytest.mark.parametrize(("status", "scope"), [(401, "Sending"), (400, "Task colors")])
def test_a_pause_of_its_own_after_a_refusal_needs_a_person(ending_at_once: FakeApi, status: int, scope: str) -> None:
    brought_in(a_version(), ["a"])
    ending_at_once.fail("create_batch", Fault.PERMANENT, "The API said no.", status=status)
    report = until_idle()
    assert report.ending == Ending.NEEDS_A_PERSON
    assert any(sentence.startswith(scope) and "The API said no." in sentence for sentence in report.sentences)


def test_a_key_that_is_not_known_ends_it_with_a_sentence(ending_at_once: FakeApi) -> None:
    brought_in(a_version(), ["a"])
    ending_at_once.fail("list_batches", Fault.PERMANENT, "The API answered 401 authentication_error.", status=401)
    report = until_idle()
    assert report.ending == Ending.NEEDS_A_PERSON
    assert any("401 authentication_error" in sentence for sentence in report.sentences)


def test_a_run_ends_when_its_time_is_over(fake: FakeApi) -> None:
    brought_in(a_version(), ["a"])
    report = conductor.run_until_idle(setting(), timeout=0.3)
    assert report.ending == Ending.TIMEOUT
    assert "1 in flight" in report.sentences[0]


def test_an_import_that_stands_still_needs_a_person(ending_at_once: FakeApi) -> None:
    confirmed(a_version(), b"a\n")
    report = until_idle(min_free_bytes=10**18)
    assert report.ending == Ending.NEEDS_A_PERSON
    assert "bytes of disk are free" in report.sentences[0]


def test_one_pass_obeys_the_hour(monkeypatch: pytest.MonkeyPatch, fake: FakeApi) -> None:
    brought_in(a_version(), ["a"], way=Way.TONIGHT)
    conductor.run_pass(setting())
    assert not Batch.objects.exists()
    at(monkeypatch, timezone.now() + timedelta(hours=24))
    conductor.run_pass(setting())
    assert Batch.objects.get().state == BatchState.IN_PROGRESS
    assert Batch.objects.get().night is not None


def test_an_upload_is_done_when_nothing_of_it_waits_any_more(ending_at_once: FakeApi) -> None:
    version = a_version()
    upload = brought_in(version, ["a"])
    until_idle()
    conductor.run_pass(setting())
    upload.refresh_from_db()
    assert upload.state == UploadState.DONE


def test_it_tells_where_things_stand_only_when_they_moved(ending_at_once: FakeApi) -> None:
    brought_in(a_version(), ["a"])
    told: list[str] = []
    conductor.run_until_idle(setting(), timeout=30, say=told.append)
    assert told[-1].startswith("1 labeled, 0 failed, 0 waiting, 0 in flight")
    assert len(told) == len(set(told))
