"""Documents that wait leave another way: a person changes it, while batches and calls claim what they can."""

import threading
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from labeling.models import Document, Request
from labeling.pipeline import urgent
from labeling.states import DocumentState, Way
from labeling.transitions import ways
from tests.fake_api import FakeApi
from tests.pipeline.story import (
    a_version,
    at_once,
    brought_in,
    built,
    sent,
    setting,
    states,
    texts,
    the_document,
)

pytestmark = pytest.mark.usefixtures("house")


def test_a_document_for_the_night_can_go_urgently_and_back(fake: FakeApi) -> None:
    brought_in(a_version(), texts(3), way=Way.TONIGHT)
    assert ways.change_way(Document.objects.all(), Way.URGENT) == 3
    assert built() == []
    assert ways.change_way(Document.objects.all(), Way.TONIGHT) == 3
    assert urgent.drain(setting()) == 0
    assert ways.change_way(Document.objects.all(), Way.URGENT) == 3
    assert urgent.drain(setting()) == 3
    assert ways.change_way(Document.objects.all(), Way.TONIGHT) == 0
    assert Request.objects.count() == 3


def test_a_copy_sent_urgently_pulls_its_queued_leader_along(fake: FakeApi) -> None:
    version = a_version()
    brought_in(version, ["a"], way=Way.TONIGHT)
    brought_in(version, ["a"], way=Way.TONIGHT)
    ways.change_way(Document.objects.exclude(leader=None), Way.URGENT)
    assert the_document().way == Way.URGENT
    assert urgent.drain(setting()) == 1
    assert states() == {DocumentState.LABELED: 2}
    assert len(fake.called("send_message")) == 1


def test_a_document_never_goes_in_both_lanes_however_people_and_workers_race(fake: FakeApi) -> None:
    version = a_version()
    upload = brought_in(version, texts(400), way=Way.NOW)
    settings = setting(batch_requests=20, urgent_concurrency=2)
    stop = threading.Event()

    def people() -> None:
        for _ in range(12):
            of_the_task = Document.objects.filter(upload__version__task=version.task, pk__gt=upload.pk)
            ways.change_way(of_the_task, Way.URGENT)
            ways.change_way(Document.objects.filter(upload=upload), Way.NOW)
        stop.set()

    def builder() -> None:
        while not stop.is_set():
            sent(settings)

    def caller() -> None:
        while not stop.is_set():
            urgent.drain(settings, until=timezone.now() + timedelta(seconds=0.2))

    assert at_once(people, builder, caller) == [None, None, None]
    ways.change_way(Document.objects.all(), Way.URGENT)
    urgent.drain(setting())
    sent()
    in_batches = [r["params"]["messages"][-1]["content"] for entries in fake.requests.values() for r in entries]
    called = [params["messages"][-1]["content"] for params in fake.called("send_message")]
    assert sorted(in_batches + called) == sorted(texts(400))
    assert Request.objects.values("document").distinct().count() == Request.objects.count() == 400


def test_a_change_of_way_waits_for_no_row_that_somebody_holds(fake: FakeApi) -> None:
    """Waiting for one row while holding others is how two of them would end each other."""
    brought_in(a_version(), texts(3), way=Way.NOW)
    held, changed = threading.Event(), threading.Event()

    def hold() -> bool:
        with transaction.atomic():
            list(Document.objects.select_for_update().filter(content__text="text number 1"))
            held.set()
            return changed.wait(5)

    def change() -> int:
        assert held.wait(5)
        found = ways.change_way(Document.objects.all(), Way.URGENT)
        changed.set()
        return found

    assert at_once(hold, change) == [True, 2]
    assert the_document("text number 1").way == Way.NOW


def test_a_way_changed_too_late_leaves_the_document_as_it_was_claimed(fake: FakeApi) -> None:
    """The claim commits while the change waits for the row: the change must look at the state again."""
    version = a_version()
    brought_in(version, ["a"], way=Way.NOW)
    locked, changed = threading.Event(), threading.Event()

    def claim() -> None:
        with transaction.atomic():
            built()
            locked.set()
            changed.wait(0.3)

    def change() -> int:
        assert locked.wait(5)
        found = ways.change_way(Document.objects.filter(upload__version__task=version.task), Way.URGENT)
        changed.set()
        return found

    assert at_once(claim, change) == [None, 0]
    assert (the_document().state, the_document().way) == (DocumentState.BATCHED, Way.NOW)
