"""A cluster that is frozen or orphaned is ended and starts again; what works, and what is not ours, is left alone."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone
from django_q.models import OrmQ, Schedule
from django_q.tasks import async_task

from batchsite.clusters import QUEUE, Cluster, find_clusters, start_given_up
from batchsite.environment import read_environment
from batchsite.leftovers import MARK, kill_leftovers
from batchsite.programs import MANAGE, Program, cluster
from batchsite.supervision import Supervisor, process_runner
from labeling.health import heartbeat, watchdog
from labeling.health.watchdog import Watchdog
from labeling.models import Activity, Heartbeat

QUICK_DOG = Program(
    "watchdog", [*MANAGE, "watchdog", "--every", "0.5", "--looks", "8"], is_ready=lambda pid: True, stop_seconds=5
)
WHOLE = 6
"""Processes of a cluster: main, sentinel, two workers, pusher, monitor."""


def until(condition: Callable[[], Any], seconds: float = 60) -> Any:
    """What the condition gives once it is true; a machine with much other work is slow."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} seconds for it"
        time.sleep(0.05)
    return found


@pytest.fixture
def supervised(
    nightshift_home: Path, process_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Supervisor]:
    """The urgent cluster and a watchdog with short limits, under the real process runner, on the test's database."""
    monkeypatch.setenv("DATABASE_URL", process_environment["DATABASE_URL"])
    monkeypatch.setenv("NIGHTSHIFT_SECRET_KEY", settings.SECRET_KEY)
    (nightshift_home / "run").mkdir()
    supervisor = Supervisor(read_environment(), [cluster("urgent", stop_seconds=5), QUICK_DOG])
    supervisor.start()
    try:
        until(supervisor.all_ready)
        yield supervisor
    finally:
        supervisor.ask_to_stop()
        until(lambda: not supervisor.is_running())
        kill_leftovers(nightshift_home)


def the_cluster(supervisor: Supervisor) -> Cluster:
    """The one whole cluster, once there is no other."""

    def whole() -> Cluster | None:
        with process_runner(supervisor.home) as runner:
            parent = runner.getPID()
        found = find_clusters(supervisor.home, parent)
        return found[0] if len(found) == 1 and len(found[0].processes) == WHOLE else None

    return until(whole)


def has_beaten(of: Cluster) -> bool:
    return heartbeat.last_beat("urgent", [process.pid for process in of.processes]) is not None


def workers(of: Cluster) -> list[psutil.Process]:
    """The sentinel starts them first."""
    children = of.processes[1].children()
    return sorted(children, key=lambda process: process.pid)[:2]


def said(of: str = "") -> list[str]:
    return list(Activity.objects.filter(by="watchdog", subject__startswith=of).values_list("sentence", flat=True))


@pytest.mark.journey
def test_a_frozen_cluster_is_ended_and_starts_again_and_loses_nothing(supervised):
    before = the_cluster(supervised)
    until(lambda: has_beaten(before))
    # Killed, an idle worker freezes its cluster only if it held the lock of the queue; stopped, it surely does.
    for worker in workers(before):
        worker.suspend()
    proofs = {f"proof {n}" for n in range(5)}
    for proof in sorted(proofs):
        async_task("labeling.tasks.beat", proof, cluster="urgent")

    until(lambda: said("queue:urgent"))
    after = the_cluster(supervised)
    assert after.main.pid != before.main.pid
    until(lambda: has_beaten(after))
    of_the_queue = OrmQ.objects.filter(key="urgent")
    until(lambda: not of_the_queue.filter(lock__lte=timezone.now()).exists())
    waiting = {argument for row in of_the_queue for argument in row.task["args"]}
    done = set(Heartbeat.objects.filter(queue__in=proofs).values_list("queue", flat=True))
    assert proofs <= done | waiting
    assert len([sentence for sentence in said("queue:urgent") if "took no task any more" in sentence]) == 1


@pytest.mark.journey
def test_what_a_dead_main_process_or_sentinel_leaves_is_ended(supervised):
    for place in (0, 1):
        before = the_cluster(supervised)
        before.processes[place].kill()
        until(lambda before=before: not any(process.is_running() for process in before.processes))
        after = the_cluster(supervised)
        assert after.main.pid != before.main.pid
        until(lambda after=after: has_beaten(after))
    ended = said("queue:urgent")
    assert all("that an earlier cluster of the queue urgent had left" in sentence for sentence in ended)
    assert len(ended) == 2


@pytest.fixture
def stand_in(nightshift_home: Path) -> Iterator[Callable[..., psutil.Process]]:
    """Starts processes that look like a cluster's from outside."""
    started: list[subprocess.Popen[bytes]] = []

    def start(queue: str = "urgent", home: Path = nightshift_home, word: str = "qcluster") -> psutil.Process:
        command = [sys.executable, "-c", "import time; print(flush=True); time.sleep(60)", word]
        environment = {**os.environ, MARK: str(home), QUEUE: queue}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout is not None
        process.stdout.readline()
        return psutil.Process(process.pid)

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch) -> dict[int, Any]:
    """What sentinels say of themselves, by their main process; empty: none says anything."""
    found: dict[int, Any] = {}
    monkeypatch.setattr(watchdog, "_reports", lambda: found)
    return found


def is_alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


NOBODY = 2**22 + 1
"""No process has this id."""


def test_orphans_are_ended_at_once_and_strangers_never(transactional_db, nightshift_home, stand_in):
    orphans = [stand_in("bulk"), stand_in("bulk")]
    strangers = [stand_in(home=Path(f"{nightshift_home}-other")), stand_in(word="metronome"), stand_in(queue="")]
    Watchdog(nightshift_home, NOBODY).look()
    assert not any(is_alive(process) for process in orphans)
    assert all(is_alive(process) for process in strangers)
    assert said() == ["Ended 2 processes that an earlier cluster of the queue bulk had left."]


def test_a_cluster_is_silent_for_three_minutes_before_it_is_ended(transactional_db, nightshift_home, stand_in):
    process, dog = stand_in(), Watchdog(nightshift_home, os.getpid())
    for _ in range(watchdog.MOST_SILENT_LOOKS - 1):
        dog.look()
    assert is_alive(process)
    dog.look()
    assert not is_alive(process)
    assert watchdog.MOST_SILENT_LOOKS * watchdog.EVERY_SECONDS == 180


def test_a_cluster_that_beats_is_left_alone(transactional_db, nightshift_home, stand_in, reports):
    process, dog = stand_in(), Watchdog(nightshift_home, os.getpid(), most_silent_looks=3)
    reports[process.pid] = SimpleNamespace(task_q_size=2)
    for number in range(8):
        if number % 2:
            row = {"queue": "urgent", "host": heartbeat._cluster(process.pid)}
            Heartbeat.objects.update_or_create(**row, defaults={"beaten_at": timezone.now()})
        dog.look()
    assert is_alive(process)


def test_a_beat_that_another_machine_took_is_no_silence(transactional_db, nightshift_home, stand_in, reports):
    process, dog = stand_in(), Watchdog(nightshift_home, os.getpid(), most_silent_looks=3)
    reports[process.pid] = SimpleNamespace(task_q_size=0)
    for _ in range(8):
        dog.look()
        assert OrmQ.objects.filter(key="urgent").delete()[0] == 1
    assert is_alive(process)


def test_a_fetched_task_that_no_worker_takes_is_silence(transactional_db, nightshift_home, stand_in, reports):
    process, dog = stand_in(), Watchdog(nightshift_home, os.getpid(), most_silent_looks=3)
    reports[process.pid] = SimpleNamespace(task_q_size=1)
    for _ in range(3):
        OrmQ.objects.all().delete()
        dog.look()
    assert not is_alive(process)


def test_a_task_that_nobody_fetches_is_silence(transactional_db, nightshift_home, stand_in, reports):
    process, dog = stand_in(), Watchdog(nightshift_home, os.getpid(), most_silent_looks=3)
    reports[process.pid] = SimpleNamespace(task_q_size=0)
    for _ in range(4):
        dog.look()
    assert not is_alive(process)


def test_while_the_database_is_away_nobody_is_ended(transactional_db, nightshift_home, stand_in):
    process, dog = stand_in(), Watchdog(nightshift_home, os.getpid(), most_silent_looks=3)

    def away(*_: Any) -> None:
        raise OperationalError("the server is away")

    for _ in range(2):
        dog.look()
    with connection.execute_wrapper(away):
        for _ in range(10):
            dog.look()
    for _ in range(2):
        dog.look()
    assert is_alive(process)
    dog.look()
    assert not is_alive(process)


@pytest.fixture
def ticks(nightshift_home: Path, stand_in: Callable[..., psutil.Process], reports: dict[int, Any]) -> psutil.Process:
    """A ticks cluster whose sentinel reports and which has nothing to do."""
    process = stand_in("ticks")
    reports[process.pid] = SimpleNamespace(task_q_size=0)
    return process


@pytest.fixture
def on_time(transactional_db: None) -> None:
    """However long ago the database of the tests was made."""
    Schedule.objects.update(next_run=timezone.now())


def look_at_schedules(home: Path, looks: int) -> None:
    dog = Watchdog(home, os.getpid(), most_silent_looks=4)
    for _ in range(looks):
        dog.look()
        OrmQ.objects.all().delete()


def test_a_broken_schedule_of_ours_is_laid_anew(on_time, nightshift_home, ticks):
    ours = Schedule.objects.filter(name="nightshift tick")
    ours.update(args="(", kwargs="x=", next_run=timezone.now() - timedelta(minutes=2))
    look_at_schedules(nightshift_home, 3)
    assert said() == []
    look_at_schedules(nightshift_home, 6)
    assert (ours.get().args, ours.get().kwargs) == (None, None)
    assert said("schedules") == ["Schedules stood still (nightshift tick) and were laid anew."]


def test_a_missing_schedule_comes_back(on_time, nightshift_home, ticks):
    Schedule.objects.filter(name="nightshift recover").delete()
    look_at_schedules(nightshift_home, 4)
    assert Schedule.objects.filter(name="nightshift recover").count() == 1


def test_a_foreign_schedule_that_stops_ours_is_named_and_not_touched(on_time, nightshift_home, ticks):
    Schedule.objects.create(name="mine", func="x.y", args="(", cluster="ticks", next_run=timezone.now())
    Schedule.objects.filter(name="nightshift tick").update(next_run=timezone.now() - timedelta(minutes=2))
    look_at_schedules(nightshift_home, 9)
    assert len(said("schedules")) == 1
    assert "these are not ours and may stop them: 'mine'." in said("schedules")[0]
    assert Schedule.objects.get(name="mine").args == "("


def test_schedules_of_a_cluster_that_does_not_run_are_not_late(on_time, nightshift_home, ticks):
    Schedule.objects.filter(name="nightshift beat bulk").update(next_run=timezone.now() - timedelta(days=1))
    look_at_schedules(nightshift_home, 6)
    assert said() == []


def test_long_work_keeps_beating_whatever_happens_to_one_beat(transactional_db, monkeypatch):
    monkeypatch.setattr(heartbeat, "EVERY_SECONDS", 0.02)
    beats, real = [], heartbeat.beat

    def beat(queue: str, doing: str = "") -> None:
        beats.append(doing)
        if len(beats) == 3:
            raise InterfaceError("the connection is closed")
        real(queue, doing)

    monkeypatch.setattr(heartbeat, "beat", beat)
    with heartbeat.beating("bulk", "submit B-1"):
        until(lambda: len(beats) > 6)
    assert Heartbeat.objects.get().doing == "submit B-1"
    assert heartbeat.last_beat("bulk", [os.getppid()]) == Heartbeat.objects.get().beaten_at
    assert heartbeat.last_beat("urgent", [os.getppid()]) is None


GIVES_UP = """
[supervisord]
nodaemon=true
silent=true
logfile={run}/log
pidfile={run}/pid
[unix_http_server]
file={run}/supervisor.sock
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[program:late]
command=sh -c "test -e {run}/may && exec sleep 60"
startretries=0
"""


def test_a_program_that_the_process_runner_gave_up_is_started_again(nightshift_home):
    run = nightshift_home / "run"
    run.mkdir()
    (run / "conf").write_text(GIVES_UP.format(run=run))
    assert start_given_up(nightshift_home) == []
    command = [sys.executable, "-m", "supervisor.supervisord", "--configuration", str(run / "conf")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            until((run / "supervisor.sock").exists)
            with process_runner(nightshift_home) as runner:
                until(lambda: runner.getProcessInfo("late")["statename"] == "FATAL")
                (run / "may").touch()
                assert start_given_up(nightshift_home) == ["late:late"]
                until(lambda: runner.getProcessInfo("late")["statename"] == "RUNNING")
                assert start_given_up(nightshift_home) == []
        finally:
            process.terminate()


def test_it_refuses_to_run_by_itself(monkeypatch):
    monkeypatch.delenv(MARK, raising=False)
    with pytest.raises(CommandError, match="make run"):
        call_command("watchdog")
