"""Nothing depends on being run once: schedules laid again, tasks delivered twice at the same time, workers that die."""

import os
import subprocess
import sys
from collections import Counter
from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone
from django_q.models import OrmQ, Schedule
from django_q.tasks import async_task

from batchsite.environment import CHECKOUT
from labeling import configuration, tasks
from labeling.foundations import SCHEDULES, lay_foundations
from labeling.health import failing
from labeling.health.troubles import troubles
from labeling.models import Batch, Document, Heartbeat, Request, Result, Upload
from labeling.pipeline import conductor
from labeling.querysets import MOST_UNFINISHED_TRIES
from labeling.states import DocumentState, UploadState, Way
from labeling.transitions import batches
from tests.fake_api import FakeApi
from tests.pipeline.story import (
    Killed,
    a_version,
    at_once,
    brought_in,
    built,
    confirmed,
    ended,
    fetched,
    played,
    setting,
    states,
    texts,
)

pytestmark = pytest.mark.usefixtures("house")

DEATHS = MOST_UNFINISHED_TRIES


@pytest.fixture(autouse=True)
def _small_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTSHIFT_MIN_FREE_BYTES", "0")


def schedules() -> Counter[tuple[str, str, str, int]]:
    return Counter(Schedule.objects.values_list("name", "func", "cluster", "minutes"))


WANTED = Counter((spec["name"], spec["func"], spec["cluster"], spec["minutes"]) for spec in SCHEDULES)


def migrate(environment: dict[str, str], *, times: int) -> None:
    """So many processes at once."""
    processes = [
        subprocess.Popen(
            [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
            cwd=CHECKOUT,
            env={**environment, "NIGHTSHIFT_SECRET_KEY": settings.SECRET_KEY},
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(times)
    ]
    said = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * times, said


def test_migrate_twice_and_three_at_once_leave_each_schedule_once(process_environment: dict[str, str]) -> None:
    Schedule.objects.all().delete()
    migrate(process_environment, times=3)
    assert schedules() == WANTED
    migrate(process_environment, times=1)
    assert schedules() == WANTED


def test_foundations_mend_whatever_stops_our_schedules() -> None:
    tick = Schedule.objects.filter(name="nightshift tick")
    tick.update(args="(", kwargs="x", hook="no.where", repeats=0, schedule_type="C", cron="x", next_run=None)
    Schedule.objects.create(name="nightshift beat bulk", func="x.y", args="(")
    lay_foundations()
    row = tick.get()
    assert (row.args, row.kwargs, row.hook, row.cron) == (None,) * 4
    assert (row.repeats, row.schedule_type) == (-1, "I")
    assert row.next_run <= timezone.now()
    assert Schedule.objects.get(name="nightshift beat bulk").args == "'bulk'"
    assert schedules() == WANTED


def test_foundations_leave_the_time_of_the_next_run_alone() -> None:
    tick = Schedule.objects.filter(name="nightshift tick")
    later = timezone.now() + timedelta(seconds=40)
    tick.update(next_run=later)
    lay_foundations()
    assert tick.get().next_run == later


def test_every_scheduled_function_runs_as_its_schedule_says(fake: FakeApi) -> None:
    for spec in SCHEDULES:
        arguments = [spec["args"].strip("'")] if "args" in spec else []
        said = getattr(tasks, spec["func"].rpartition(".")[2])(*arguments)
        assert isinstance(said, str), spec["name"]


def test_a_beat_is_a_row_for_each_queue_and_cluster() -> None:
    for _ in range(2):
        for queue in ("ticks", "bulk", "urgent"):
            tasks.beat(queue)
    assert Heartbeat.objects.count() == 3
    assert at_once(*[lambda: tasks.beat("bulk")] * 4) == ["bulk"] * 4
    assert Heartbeat.objects.filter(queue="bulk", host__endswith=f":{os.getppid()}").count() == 1


def test_an_import_delivered_twice_at_once_imports_once(fake: FakeApi) -> None:
    upload = confirmed(a_version(), "".join(f"{text}\n" for text in texts(50)).encode())
    said = at_once(*[lambda: tasks.import_upload(upload.pk)] * 3)
    assert sorted(said).count(f"U-{upload.pk}: ready") == 1
    assert Document.objects.count() == 50
    assert Upload.objects.get().state == UploadState.READY


def test_a_submit_delivered_twice_at_once_sends_once(fake: FakeApi) -> None:
    brought_in(a_version(), texts(20))
    (batch,) = built()
    said = at_once(*[lambda: tasks.submit_batch(batch.pk)] * 3)
    assert f"{batch}: in_progress" in said
    assert len(fake.called("create_batch")) == 1


def test_an_ingest_delivered_twice_at_once_books_once(fake: FakeApi) -> None:
    brought_in(a_version(), texts(20))
    (batch,) = ended(fake)
    said = at_once(*[lambda: tasks.ingest_batch(batch.pk)] * 3)
    assert f"{batch}: ingested" in said
    assert Result.objects.count() == Document.objects.filter(state=DocumentState.LABELED).count() == 20


def test_urgent_calls_delivered_twice_at_once_are_made_once(fake: FakeApi) -> None:
    brought_in(a_version(), texts(12), way=Way.URGENT)
    at_once(*[tasks.send_urgent] * 3)
    assert Request.objects.count() == Result.objects.count() == 12
    assert states() == {DocumentState.LABELED: 12}


def test_two_whole_ticks_at_once_do_everything_once(fake: FakeApi) -> None:
    brought_in(a_version(), texts(30))
    at_once(*[tasks.tick] * 3)
    assert Batch.objects.count() == 1
    handed_out = sorted(row.task["func"] for row in OrmQ.objects.all())
    assert handed_out == ["labeling.tasks.make_searchable", "labeling.tasks.submit_batch"]


def dies(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    def end(*_: object) -> None:
        raise Killed

    monkeypatch.setattr(place, end)


@pytest.mark.parametrize("stage", ["submit", "ingest", "prove"])
def test_work_that_ends_its_worker_again_and_again_is_set_aside(
    stage: str, fake: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    brought_in(a_version(), texts(3))
    (batch,) = {"submit": built, "ingest": lambda: ended(fake), "prove": lambda: played(fake)}[stage]()
    place = {"submit": "submit.bodies.write", "ingest": "ingest._download", "prove": "prove._compare"}[stage]
    run = {"submit": tasks.submit_batch, "ingest": tasks.ingest_batch, "prove": tasks.prove_batch}[stage]
    before = batch.state
    with monkeypatch.context() as deadly:
        dies(deadly, f"labeling.pipeline.{place}")
        for _ in range(DEATHS):
            with pytest.raises(Killed):
                run(batch.pk)
        run(batch.pk)
    run(batch.pk)
    batch.refresh_from_db()
    assert batch.state == before
    assert batch.note == f"Work on it ended its worker {DEATHS} times; it was set aside."
    named = [trouble for trouble in troubles(configuration.load(), timezone.now()) if trouble.kind == "set_aside"]
    assert [trouble.sentence for trouble in named] == [f"{batch} stands still: {batch.note}"]
    ending = conductor.run_until_idle(setting(), timeout=20)
    assert ending.ending == conductor.Ending.NEEDS_A_PERSON
    assert f"{batch} is {batch.state}: {batch.note}" in ending.sentences


def is_cut(batch: Batch) -> None:
    with batches.counted(batch) as may_try:
        assert may_try
        raise OSError("the line was cut")


def test_work_that_comes_back_is_not_counted(fake: FakeApi) -> None:
    brought_in(a_version(), texts(3))
    (batch,) = ended(fake)
    for _ in range(DEATHS + 1):
        with pytest.raises(OSError, match="cut"):
            is_cut(batch)
    assert fetched() == [True]
    assert Batch.objects.get().unfinished_tries == 0


def test_a_few_deaths_are_forgotten_by_the_work_that_succeeds(fake: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    brought_in(a_version(), texts(3))
    (batch,) = ended(fake)
    with monkeypatch.context() as deadly:
        dies(deadly, "labeling.pipeline.ingest._download")
        for _ in range(DEATHS - 1):
            with pytest.raises(Killed):
                tasks.ingest_batch(batch.pk)
    assert tasks.ingest_batch(batch.pk) == f"{batch}: ingested"
    assert Batch.objects.get().unfinished_tries == 0


def test_schedules_that_stand_still_while_workers_beat_are_a_trouble() -> None:
    Schedule.objects.update(next_run=timezone.now())
    Schedule.objects.filter(name="nightshift tick").update(next_run=timezone.now() - timedelta(minutes=4))

    def kinds() -> list[str]:
        return [trouble.kind for trouble in troubles(configuration.load(), timezone.now())]

    assert kinds()[0] == "silent_workers"
    assert "stopped_schedules" not in kinds()
    for queue in ("ticks", "bulk", "urgent"):
        tasks.beat(queue)
    assert kinds()[0] == "stopped_schedules"
    Schedule.objects.filter(name="nightshift tick").update(next_run=timezone.now())
    assert kinds() == []


def test_a_schedule_that_fails_each_time_is_a_trouble_until_it_succeeds() -> None:
    for queue in ("ticks", "bulk", "urgent"):
        tasks.beat(queue)
    ran = {"group": "nightshift tick", "func": "labeling.tasks.tick", "stopped": timezone.now()}
    broken = "Traceback (most recent call last):\n  ...\nanthropic.APIError: the key sk-ant-secret is wrong"
    later = timezone.now() + timedelta(minutes=4)

    def told() -> list[str]:
        found = troubles(configuration.load(), later)
        return [trouble.sentence for trouble in found if trouble.kind == "failing_schedules"]

    failing.note(task={**ran, "success": False, "result": broken}, sender="django_q")
    assert [trouble.kind for trouble in troubles(configuration.load(), timezone.now())] == []
    assert told() == ["The schedule 'nightshift tick' fails each time it runs (APIError): its work stands still."]
    failing.note(task={**ran, "success": False, "result": "ValueError: another"}, sender="django_q")
    assert "(APIError)" in told()[0], "since the first failure"
    async_task("labeling.tasks.beat", "ticks", group="nightshift tick", sync=True)  # as a worker runs it
    assert told() == []
