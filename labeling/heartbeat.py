"""Signs of life, written by the workers themselves: a cluster that only reports to be alive may be frozen."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, connection
from django.utils import timezone

from labeling.models import Heartbeat

EVERY_SECONDS = 20.0


def beat(queue: str, doing: str = "") -> None:
    """A worker of the queue is alive now. A row per cluster: host and process id of its sentinel."""
    Heartbeat.objects.update_or_create(
        queue=queue,
        host=f"{socket.gethostname()}:{os.getppid()}"[:120],
        defaults={"beaten_at": timezone.now(), "doing": doing[:120]},
    )


@contextmanager
def beating(queue: str, doing: str) -> Iterator[None]:
    """Beats for as long as the block runs: a create call may take a quarter of an hour without a line of ours."""
    beat(queue, doing)
    stop = threading.Event()
    thread = threading.Thread(target=_keep_beating, args=(queue, doing, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _keep_beating(queue: str, doing: str, stop: threading.Event) -> None:
    """Runs in a thread with a connection of its own."""
    while not stop.wait(EVERY_SECONDS):
        try:
            beat(queue, doing)
        except DatabaseError:
            connection.close()
    connection.close()
