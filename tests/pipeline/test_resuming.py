"""Before a person resumes it is said what leaves, when, and about how much it costs."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from labeling.models import Request, Upload
from labeling.pipeline import pausing
from labeling.reports.resuming import Resuming, resuming
from labeling.states import Lane, Outcome, Way
from tests.fake_api import FakeApi
from tests.pipeline.story import a_version, at, brought_in, built, played, sent, setting, texts

pytestmark = pytest.mark.usefixtures("house")

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def asked(now: datetime | None = None) -> Resuming:
    return resuming(setting(), now or timezone.now())


def test_it_says_how_many_leave_and_when(monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, NOON)
    version = a_version()
    brought_in(version, texts(2, "built"))
    built(now=NOON)
    pausing.pause_everything(by="anna", reason="wait")
    brought_in(version, texts(3, "now"))
    brought_in(version, texts(4, "tonight"), way=Way.TONIGHT)
    brought_in(version, texts(5, "urgent"), way=Way.URGENT)
    found = asked(NOON)
    assert (found.batches, found.in_batches, found.in_real_time, found.at_once, found.tonight) == (1, 2, 5, 3, 4)
    for words in (
        "2 documents at once, in 1 batch ready to go",
        "5 documents at once in real time",
        "3 documents at once in new batches",
        "4 documents with the night, Sun 00:00",
    ):
        assert words in found.sentence


def test_a_night_that_is_over_its_hour_leaves_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, NOON)
    brought_in(a_version(), texts(4), way=Way.TONIGHT)
    pausing.pause_everything(by="anna", reason="wait")
    after = asked(NOON + timedelta(hours=13))
    assert (after.at_once, after.tonight) == (4, 0)


def test_copies_and_held_uploads_are_not_in_it() -> None:
    version = a_version()
    brought_in(version, texts(3))
    brought_in(version, texts(3))
    held = brought_in(version, texts(9, "held"))
    Upload.objects.filter(pk=held.pk).update(hold_kind="person", held_at=timezone.now())
    pausing.pause_everything(by="anna", reason="wait")
    assert asked().documents == 3


def test_where_one_task_is_paused_only_that_one_is_counted() -> None:
    version = a_version("paused")
    brought_in(version, texts(3))
    brought_in(a_version("free"), texts(7))
    assert asked().documents == 0
    pausing.pause_task(version.task, by="anna", reason="wait")
    assert asked().documents == resuming(setting(), timezone.now(), version.task).documents == 3
    pausing.pause_everything(by="anna", reason="wait")
    assert asked().documents == 10


def test_its_price_is_about_what_such_documents_cost_before(fake: FakeApi) -> None:
    version = a_version()
    brought_in(version, texts(10))
    played(fake)
    paid = sum(request.result.paid_usd or 0 for request in Request.objects.select_related("result"))
    pausing.pause_everything(by="anna", reason="wait")
    brought_in(version, texts(10, "more"))
    likely = asked().price.likely
    assert likely is not None
    assert abs(likely - paid) < paid / 2
    assert "That costs about $" in asked().sentence


def test_a_price_that_is_not_known_is_said_to_be_unknown() -> None:
    brought_in(a_version(model="claude-of-tomorrow"), texts(2))
    pausing.pause_everything(by="anna", reason="wait")
    assert asked().sentence.endswith("What that costs is not known.")


def test_nothing_that_waits_is_said_too() -> None:
    pausing.pause_everything(by="anna", reason="wait")
    assert asked().sentence == "Nothing waits behind it, so nothing leaves."


def test_a_pause_names_what_was_claimed_before(fake: FakeApi) -> None:
    version, other = a_version(), a_version("other")
    brought_in(version, ["a"])
    fake.lose_answer_of_create()
    (batch,) = sent()
    type(batch).objects.filter(pk=batch.pk).update(state="submitting")
    brought_in(other, ["b"], way=Way.URGENT)
    Request.objects.filter(pk=Request.objects.earliest("pk").pk).update(outcome=Outcome.OPEN)
    assert pausing.pause_everything(by="anna", reason="wait").claimed == [str(batch)]
    assert pausing.claimed(version.task) == [str(batch)]
    assert pausing.claimed(other.task) == []
    assert not Request.objects.filter(lane=Lane.URGENT).exists()
