"""The ticks of the clusters: each looks at the rows and hands out what nobody has."""

import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from labeling import tasks
from labeling.foundations import SCHEDULES, lay_foundations
from labeling.models import Batch, Document, DocumentWords, Gate, Heartbeat, LedgerCheck, Upload
from labeling.pipeline import intake
from labeling.states import BatchState, DocumentState, UploadState, Way
from tests.fake_api import FakeApi
from tests.pipeline.story import Killed, a_version, at, at_once, brought_in, confirmed, setting, states, texts

pytestmark = pytest.mark.usefixtures("house")


@pytest.fixture(autouse=True)
def _small_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTSHIFT_MIN_FREE_BYTES", "0")
    monkeypatch.setenv("NIGHTSHIFT_POLL_SECONDS", "0.001")


def handed_out() -> list[tuple[str, str]]:
    """(queue, function) of every task that waits, taken away as a worker would; texts are read on the side."""
    found = [(row.key, row.task["func"].removeprefix("labeling.tasks.")) for row in OrmQ.objects.order_by("pk")]
    OrmQ.objects.all().delete()
    return [task for task in found if task != ("bulk", "make_searchable")]


def run_handed_out() -> None:
    """Every waiting task, as workers would run it."""
    rows = list(OrmQ.objects.order_by("pk"))
    OrmQ.objects.all().delete()
    for row in rows:
        task: dict[str, Any] = row.task
        getattr(tasks, task["func"].rsplit(".", 1)[-1])(*task["args"])


def test_ticks_and_workers_alone_bring_a_file_to_its_labels(fake: FakeApi) -> None:
    version = a_version()
    intake_of = intake.receive(
        [b"one\ntwo\n"],
        file_name="x.txt",
        version=version,
        way=Way.NOW,
        options=intake.ReadOptions(),
        settings=setting(),
    )
    tasks.tick()
    run_handed_out()
    intake_of.refresh_from_db()
    assert intake_of.state == UploadState.CHECKED
    intake.confirm(intake_of, Way.NOW)
    for _ in range(8):
        tasks.tick()
        run_handed_out()
        fake.end()
        Upload.objects.update(lease_until=None)
    assert states() == {DocumentState.LABELED: 2}
    assert Batch.objects.get().state == BatchState.INGESTED


def test_work_that_somebody_has_is_not_handed_out_again_before_its_lease_ends(fake: FakeApi) -> None:
    confirmed(a_version(), b"a\n")
    assert tasks.hand_out() == 1
    assert tasks.hand_out() == 0
    Upload.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert tasks.hand_out() == 1
    assert handed_out() == [("bulk", "import_upload")] * 2


def test_the_work_of_a_dead_worker_is_handed_out_again_a_minute_later(
    fake: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    brought_in(a_version(), texts(3))
    tasks.tick()
    handed_out()
    now = at(monkeypatch, timezone.now())

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as deadly:
        deadly.setattr("labeling.pipeline.submit.bodies.write", die)
        with pytest.raises(Killed):
            tasks.submit_batch(Batch.objects.get().pk)
    at(monkeypatch, now + timedelta(seconds=60))
    assert tasks.hand_out() == 0
    at(monkeypatch, now + timedelta(seconds=61))
    assert tasks.hand_out() == 1
    assert handed_out() == [("bulk", "submit_batch")]


def test_work_that_goes_on_stays_in_its_worker_s_hands(fake: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    brought_in(a_version(), texts(3))
    tasks.tick()
    monkeypatch.setattr("labeling.health.heartbeat.EVERY_SECONDS", 0.01)
    leases: list[datetime] = []

    def submit_slowly(*_: object) -> None:
        until = time.monotonic() + 20
        while len(set(leases)) < 4 and time.monotonic() < until:
            leases.append(Batch.objects.get().lease_until or timezone.now())

    with monkeypatch.context() as slow:
        slow.setattr("labeling.pipeline.submit.submit", submit_slowly)
        tasks.submit_batch(Batch.objects.get().pk)
    assert sorted(leases) == leases
    assert len(set(leases)) == 4
    assert Batch.objects.get().lease_until is None


def test_two_ticks_at_once_hand_out_each_piece_once(fake: FakeApi) -> None:
    version = a_version()
    for number in range(6):
        confirmed(version, f"text {number}\n".encode())
    assert sum(at_once(*[tasks.hand_out] * 3)) == 6
    assert len(handed_out()) == 6


def test_the_words_of_one_upload_after_the_other_are_read_in_the_background(fake: FakeApi) -> None:
    version = a_version()
    uploads = [brought_in(version, texts(3, word=f"word{n}")) for n in range(2)]
    for upload in uploads:
        tasks.tick()
        tasks.tick()
        reading = [row.task["args"] for row in OrmQ.objects.all() if row.task["func"].endswith(".make_searchable")]
        assert reading == [(upload.pk,)]
        OrmQ.objects.all().delete()
        assert tasks.make_searchable(upload.pk) == f"words of U-{upload.pk}: done"
    assert DocumentWords.objects.count() == 6


def test_urgent_calls_have_a_queue_of_their_own(fake: FakeApi) -> None:
    brought_in(a_version(), texts(3), way=Way.URGENT)
    tasks.tick()
    assert handed_out() == [("urgent", "send_urgent")]
    assert tasks.send_urgent() == "3 answers"


def test_a_submit_that_is_delivered_twice_sends_once(fake: FakeApi) -> None:
    brought_in(a_version(), texts(3))
    tasks.tick()
    assert handed_out() == [("bulk", "submit_batch")]
    batch = Batch.objects.get()
    assert tasks.submit_batch(batch.pk) == tasks.submit_batch(batch.pk) == f"{batch}: in_progress"
    assert len(fake.called("create_batch")) == 1


def test_a_batch_that_must_wait_is_not_handed_out(fake: FakeApi) -> None:
    brought_in(a_version(), texts(3))
    tasks.tick()
    handed_out()
    Batch.objects.update(lease_until=None, not_before=timezone.now() + timedelta(minutes=1))
    assert tasks.hand_out() == 0


def test_every_tick_beats(fake: FakeApi) -> None:
    tasks.tick()
    tasks.beat("bulk")
    assert set(Heartbeat.objects.values_list("queue", flat=True)) == {"ticks", "bulk"}


def test_the_book_is_checked_and_remembered(fake: FakeApi) -> None:
    assert tasks.ledger() == "balances"
    assert LedgerCheck.objects.latest().holds


def test_waking_leaves_at_most_a_few_ticks_waiting() -> None:
    for _ in range(30):
        tasks.wake()
    assert OrmQ.objects.filter(key="ticks").count() <= 6


def test_the_foundations_can_be_laid_again_and_again() -> None:
    before = set(Schedule.objects.values_list("name", "func", "cluster", "minutes"))
    for _ in range(2):
        lay_foundations()
    assert set(Schedule.objects.values_list("name", "func", "cluster", "minutes")) == before
    assert {spec["name"] for spec in SCHEDULES} == {name for name, *_ in before}
    assert Gate.objects.filter(task=None).count() == 1
    assert at_once(lay_foundations, lay_foundations, lay_foundations) == [None] * 3
    assert Schedule.objects.count() == len(SCHEDULES)


def test_pruning_leaves_the_rows_of_the_product_alone(fake: FakeApi) -> None:
    brought_in(a_version(), ["a"])
    tasks.prune()
    assert Document.objects.count() == 1
