"""Signs of life, written by the workers themselves: a cluster that only reports to be alive may be frozen."""

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Max
from django.utils import timezone

from labeling.models import Heartbeat

log = logging.getLogger(__name__)

EVERY_SECONDS = 20.0

QUEUES = ("ticks", "bulk", "urgent")
SILENT_AFTER = timedelta(minutes=3)
"""A queue whose workers have not beaten for this long is not alive."""


def beat(queue: str, doing: str = "") -> None:
    """A worker of the queue is alive now. A row per cluster."""
    Heartbeat.objects.update_or_create(
        queue=queue,
        host=_cluster(os.getppid()),
        defaults={"beaten_at": timezone.now(), "doing": doing[:120]},
    )


def cluster(now: datetime) -> dict[str, Any]:
    """Alive when a worker of every queue has beaten within three minutes."""
    last = dict(Heartbeat.objects.values_list("queue").annotate(at=Max("beaten_at")))
    queues = {queue: bool(queue in last and now - last[queue] < SILENT_AFTER) for queue in QUEUES}
    newest = max(last.values(), default=None)
    return {
        "alive": all(queues.values()),
        "last_beat": newest.isoformat() if newest else None,
        "queues": queues,
        "last_beats": {queue: last[queue].isoformat() if queue in last else None for queue in QUEUES},
    }


def last_beat(queue: str, pids: Iterable[int]) -> datetime | None:
    """The newest sign of a worker whose sentinel is one of these processes of this machine."""
    beats = Heartbeat.objects.filter(queue=queue, host__in=[_cluster(pid) for pid in pids])
    newest: datetime | None = beats.aggregate(at=Max("beaten_at"))["at"]
    return newest


def _cluster(sentinel: int) -> str:
    """Host and process id of its sentinel."""
    return f"{socket.gethostname()[:100]}:{sentinel}"


@contextmanager
def beating(queue: str, doing: str, *, also: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Beats for as long as the block runs: a create call may take a quarter of an hour without a line of ours.

    `also` is done with each beat but the first, in a thread of its own.
    """
    beat(queue, doing)
    stop = threading.Event()
    thread = threading.Thread(target=_keep_beating, args=(queue, doing, also, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _keep_beating(queue: str, doing: str, also: Callable[[], object], stop: threading.Event) -> None:
    """Runs in a thread with a connection of its own."""
    while not stop.wait(EVERY_SECONDS):
        try:
            beat(queue, doing)
            also()
        except Exception as error:  # whatever it was: without the beats after it, work that goes on would be ended
            log.warning("no sign of life while doing %s: %s", doing, error)
            connection.close()
    connection.close()
