"""Processes of a run that was killed, found by the mark that every program of a run carries in its environment.

PostgreSQL carries it too where a program of the run had to start it; it is no leftover: the next run uses it.
"""

import os
from pathlib import Path

import psutil

MARK = "NIGHTSHIFT_RUN"
STOP_SECONDS = 30


def end_leftovers(home: Path) -> int:
    """Asks an earlier run's process runner, then each program without one, to end; kills the rest; says how many."""
    found = _leftovers(home)
    _ask_to_end([process for process in found if _is_supervisor(process)])
    left = _leftovers(home)
    parents = {process.pid for process in left}
    _ask_to_end([process for process in left if _parent(process) not in parents])
    kill_leftovers(home)
    return len(found)


def kill_leftovers(home: Path) -> None:
    """At once, whatever they do."""
    left = _leftovers(home)
    for process in left:
        try:
            process.kill()
        except psutil.Error:
            continue
    psutil.wait_procs(left, timeout=STOP_SECONDS)


def _leftovers(home: Path) -> list[psutil.Process]:
    """Every living process with this folder's mark except this one and those that it runs in."""
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    return [process for process in psutil.process_iter(["name"]) if process.pid not in own and is_marked(process, home)]


def is_marked(process: psutil.Process, home: Path) -> bool:
    """Whether a living process, found with its name, belongs to the run of this folder."""
    if "postgres" in (process.info["name"] or ""):
        return False
    try:
        return process.environ().get(MARK) == str(home) and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, OSError):
        return False


def _is_supervisor(process: psutil.Process) -> bool:
    try:
        return "supervisor.supervisord" in process.cmdline()
    except psutil.Error:
        return False


def _parent(process: psutil.Process) -> int:
    try:
        return process.ppid()
    except psutil.Error:
        return 0


def _ask_to_end(processes: list[psutil.Process]) -> None:
    for process in processes:
        try:
            process.terminate()
        except psutil.Error:
            continue
    psutil.wait_procs(processes, timeout=STOP_SECONDS)
