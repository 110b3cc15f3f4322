"""Looks after the clusters of this machine: ends what is frozen or orphaned, and the process runner starts it again.

A worker may die with the lock of its queue in its hand; then no worker of that cluster gets a task any more, while the
cluster goes on to report that it works. So only what workers write themselves counts. Silence is counted in looks and
not by clocks: a machine that slept for a night, or a database that was away, makes nobody look dead.
"""

import logging
import socket
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.db import Error
from django.utils import timezone
from django_q.models import OrmQ, Schedule
from django_q.status import Stat
from django_q.tasks import async_task

from batchsite.clusters import Cluster, find_clusters, start_given_up
from labeling import activity, foundations
from labeling.health import heartbeat
from labeling.waking import ENOUGH, wake

log = logging.getLogger(__name__)

EVERY_SECONDS = 15.0
MOST_SILENT_LOOKS = 12
"""Three minutes of looks. Workers that are free beat within seconds of being asked, busy ones every 20 seconds."""

LATE = timedelta(minutes=1)
"""Every cluster looks at its schedules each half minute."""

BY = "watchdog"


@dataclass(slots=True)
class Silence:
    """What is known of one cluster: its newest beat, and the looks since it last was surely alive."""

    beat: object = None
    looks: int = 0


class Watchdog:
    """Looks again and again; `runner` is the process id of the process runner whose clusters these are."""

    def __init__(self, home: Path, runner: int, *, most_silent_looks: int = MOST_SILENT_LOOKS) -> None:
        self.home = home
        self.runner = runner
        self.most_silent_looks = most_silent_looks
        self._silences: dict[tuple[int, float], Silence] = {}
        self._late_looks = 0
        self._database_is_away = False

    def look(self) -> None:
        """One look at everything. Without the database nothing is known: nobody is ended, and silence begins anew."""
        try:
            self._look()
            self._database_is_away = False
        except Error as error:
            self._silences.clear()
            self._late_looks = 0
            if not self._database_is_away:
                log.warning("the database does not answer, the watchdog waits: %s", error)
            self._database_is_away = True

    def _look(self) -> None:
        schedules = self._late_schedules()
        found = find_clusters(self.home, self.runner)
        self._end_orphans([cluster for cluster in found if cluster.is_orphaned])
        running = [cluster for cluster in found if not cluster.is_orphaned]
        reports = _reports()
        known, self._silences = self._silences, {}
        for cluster in running:
            silence = known.get(_identity(cluster), Silence())
            if self._is_frozen(cluster, silence, reports):
                self._end_frozen(cluster, silence)
            else:
                self._silences[_identity(cluster)] = silence
        self._judge_schedules([name for name, queue in schedules if queue in {cluster.queue for cluster in running}])
        for name in start_given_up(self.home):
            _say(f"The program {name} had ended too often and was given up; it is started again.", f"program:{name}")

    def _end_orphans(self, orphans: list[Cluster]) -> None:
        """What is left of a cluster whose main process or sentinel is gone would take tasks with nobody to guard it."""
        for queue in sorted({cluster.queue for cluster in orphans}):
            left = [cluster for cluster in orphans if cluster.queue == queue]
            for cluster in left:
                cluster.end()
            count = sum(len(cluster.processes) for cluster in left)
            what = "1 process" if count == 1 else f"{count} processes"
            _say(f"Ended {what} that an earlier cluster of the queue {queue} had left.", f"queue:{queue}")

    def _is_frozen(self, cluster: Cluster, silence: Silence, reports: dict[int, Stat]) -> bool:
        """Whether its workers, or its sentinel, have been silent for too many looks.

        No beat alone proves nothing: another machine may have taken the task that asked for it. A task that waits, or
        that the cluster has fetched and no worker takes, does.
        """
        beat = heartbeat.last_beat(cluster.queue, [process.pid for process in cluster.processes])
        has_beaten, silence.beat = beat != silence.beat, beat
        report = reports.get(cluster.main.pid)
        if has_beaten and report:
            silence.looks = 0
        elif report is None or (not has_beaten and (report.task_q_size or _tasks_waiting(cluster.queue))):
            silence.looks += 1
        if not has_beaten and _tasks_waiting(cluster.queue) <= ENOUGH:
            async_task("labeling.tasks.beat", cluster.queue, cluster=cluster.queue, save=False)
        return silence.looks >= self.most_silent_looks

    def _end_frozen(self, cluster: Cluster, silence: Silence) -> None:
        cluster.end()
        _say(
            f"The workers of the queue {cluster.queue} took no task any more ({silence.looks} looks without a sign of "
            "life): they were ended and start again.",
            f"queue:{cluster.queue}",
        )

    def _late_schedules(self) -> list[tuple[str, str]]:
        """Name and queue of our schedules that should have run; a missing or changed one is late too."""
        rows = {row.name: row for row in Schedule.objects.filter(name__in=_NAMES)}
        late_since = timezone.now() - LATE
        return [
            (spec["name"], spec["cluster"])
            for spec in _SPECS
            if (row := rows.get(spec["name"])) is None
            or row.cluster != spec["cluster"]
            or row.repeats == 0
            or row.next_run is None
            or row.next_run < late_since
        ]

    def _judge_schedules(self, late: list[str]) -> None:
        """Schedules that stand still although their clusters run: ours are laid anew, a foreign one is named."""
        self._late_looks = self._late_looks + 1 if late else 0
        if self._late_looks < self.most_silent_looks:
            return
        wake()
        if self._late_looks == self.most_silent_looks:
            foundations.lay_foundations()
            suspects = ", ".join(f"{row.name!r}" for row in Schedule.objects.exclude(name__in=_NAMES))
            _say(
                f"Schedules stood still ({', '.join(late)}) and were laid anew."
                + (f" If they still do, these are not ours and may stop them: {suspects}." if suspects else ""),
                "schedules",
            )


_SPECS = foundations.SCHEDULES
_NAMES = [spec["name"] for spec in _SPECS]


def _identity(cluster: Cluster) -> tuple[int, float]:
    """A process id alone may come again."""
    return cluster.main.pid, cluster.main.create_time()


def _reports() -> dict[int, Stat]:
    """What the sentinels of this machine say of themselves, by the process id of their main process."""
    return {stat.pid: stat for stat in Stat.get_all() if stat.host == socket.gethostname()}


def _tasks_waiting(queue: str) -> int:
    """Tasks that no cluster has fetched."""
    return OrmQ.objects.filter(key=queue, lock__lte=timezone.now()).count()


def _say(sentence: str, subject: str) -> None:
    log.warning("%s", sentence)
    activity.record(BY, sentence, subject)
