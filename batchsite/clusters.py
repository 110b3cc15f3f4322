"""The clusters of this installation as processes: what the process runner started, and what is left of earlier ones.

A cluster is its main process, its sentinel, and the sentinel's workers, pusher and monitor. All of them carry the mark
of the run and the name of their queue in their environment, so one whose parents died is still known as ours.
"""

from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from xmlrpc.client import Fault

import psutil

from batchsite.leftovers import is_marked
from batchsite.supervision import process_runner

QUEUE = "Q_CLUSTER_NAME"
END_SECONDS = 5


@dataclass(frozen=True)
class Cluster:
    """A process with all its descendants, parents before children.

    `is_orphaned`: the process runner did not start the first one, so nobody looks after them any more.
    """

    queue: str
    processes: tuple[psutil.Process, ...]
    is_orphaned: bool

    @property
    def main(self) -> psutil.Process:
        return self.processes[0]

    def end(self) -> None:
        """At once, whatever they do. Parents first: a sentinel would replace its workers."""
        for process in self.processes:
            try:
                process.kill()
            except psutil.Error:
                continue
        psutil.wait_procs(self.processes, timeout=END_SECONDS)


def find_clusters(home: Path, runner: int) -> list[Cluster]:
    """Every cluster of this folder on this machine; `runner` is the process id of its process runner."""
    queues = {process: queue for process in psutil.process_iter(["name"]) if (queue := _queue_of(process, home))}
    parents = {process: _parent(process) for process in queues}
    members = {process.pid for process in queues}
    return [
        Cluster(queues[first], (first, *_descendants(first, parents)), is_orphaned=parent != runner)
        for first, parent in parents.items()
        if parent not in members
    ]


def start_given_up(home: Path) -> list[str]:
    """The names of programs that the process runner had given up, because they ended too often; they start again."""
    try:
        with process_runner(home) as runner:
            given_up = [
                f"{program['group']}:{program['name']}"
                for program in runner.getAllProcessInfo()
                if program["statename"] == "FATAL"
            ]
            for name in given_up:
                runner.startProcess(name, False)
    except (OSError, HTTPException, Fault):
        return []
    return given_up


def _queue_of(process: psutil.Process, home: Path) -> str:
    """The queue that the process serves, "" where it is none of our clusters'.

    PostgreSQL has the environment of whoever started it, and a cluster may have.
    """
    try:
        is_cluster = is_marked(process, home) and any("qcluster" in word for word in process.cmdline())
        return str(process.environ().get(QUEUE, "")) if is_cluster else ""
    except (psutil.Error, OSError):
        return ""


def _parent(process: psutil.Process) -> int:
    try:
        return int(process.ppid())
    except psutil.Error:
        return 0


def _descendants(of: psutil.Process, parents: dict[psutil.Process, int]) -> list[psutil.Process]:
    children = [process for process, parent in parents.items() if parent == of.pid]
    return [*children, *(deeper for child in children for deeper in _descendants(child, parents))]
