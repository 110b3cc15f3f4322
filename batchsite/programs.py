"""Which programs make up a running installation, and how each shows that it works.

A further program is one more entry here.
"""

import sys
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from batchsite.api_address import sandbox_url
from batchsite.environment import CHECKOUT, Environment
from batchsite.sandbox import is_answering
from batchsite.web_address import bracketed, local_url

MANAGE = [sys.executable, str(CHECKOUT / "manage.py")]

WEB_WORKERS, WEB_THREADS = 2, 8
"""Pages are short and wait for the database; an upload holds one thread while it arrives."""


@dataclass(frozen=True)
class Program:
    """One program under the process runner; `is_ready` is asked with its process id.

    `stop_seconds`: how long it may finish what it does before it is killed.
    `outlives`: it is stopped after all others, which may still need it.
    """

    name: str
    command: list[str]
    is_ready: Callable[[int], bool]
    stop_seconds: int
    environment: dict[str, str] = field(default_factory=dict)
    outlives: bool = False


def programs(environment: Environment) -> list[Program]:
    """The sandbox comes first and only without an API key."""
    found = [
        _web(environment),
        cluster("ticks", stop_seconds=70),
        cluster("urgent", stop_seconds=660),
        cluster("bulk", stop_seconds=1600),
        Program("metronome", [*MANAGE, "metronome"], is_ready=_runs, stop_seconds=10),
        Program("watchdog", [*MANAGE, "watchdog"], is_ready=_runs, stop_seconds=10),
    ]
    return found if environment.has_credentials else [_sandbox(environment), *found]


def _web(environment: Environment) -> Program:
    command = [
        *(sys.executable, "-m", "gunicorn", "batchsite.wsgi:application"),
        *("--bind", f"{bracketed(environment.host)}:{environment.port}"),
        *("--worker-class", "gthread", "--workers", str(WEB_WORKERS), "--threads", str(WEB_THREADS)),
        *("--timeout", "120", "--graceful-timeout", "20", "--access-logfile", "-", "--no-control-socket"),
    ]
    return Program("web", command, is_ready=lambda pid: _web_answers(environment), stop_seconds=30)


def cluster(queue: str, *, stop_seconds: int) -> Program:
    """Only the main process is told to stop: it lets its workers finish. The time covers the queue's longest task."""
    return Program(
        queue,
        [*MANAGE, "qcluster"],
        is_ready=_cluster_reports,
        stop_seconds=stop_seconds,
        environment={"Q_CLUSTER_NAME": queue},
    )


def _sandbox(environment: Environment) -> Program:
    return Program(
        "sandbox",
        [sys.executable, "-m", "batchsite.sandbox"],
        is_ready=lambda pid: is_answering(sandbox_url(environment.home)),
        stop_seconds=20,
        outlives=True,
    )


def _runs(pid: int) -> bool:
    return pid > 0


def _web_answers(environment: Environment) -> bool:
    """Asked directly, never through a proxy of the environment."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{local_url(environment)}/healthz/web", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _cluster_reports(pid: int) -> bool:
    """Whether the cluster with this main process says in the shared cache that it waits for tasks or works on one."""
    from django_q.conf import Conf
    from django_q.status import Stat

    stats: list[Any] = Stat.get_all()
    return any(stat.pid == pid and stat.status in (Conf.IDLE, Conf.WORKING) for stat in stats)
