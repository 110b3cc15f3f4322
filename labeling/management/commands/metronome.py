import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.db import close_old_connections
from django.utils import timezone

from labeling import configuration
from labeling.management.base import Door, seconds
from labeling.models import SendOrder
from labeling.waking import wake

SLOWEST = 60.0
"""Seconds: the schedules tick every minute by themselves."""

LOOK = 5.0
"""Seconds between two looks for what a person sent now, whose thirty seconds are over."""


class Command(Door):
    help = (
        "Ticks between the minutes of the schedules, when batches are to be polled oftener; runs until it is stopped."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--every", type=seconds, metavar="SECONDS", help="default: NIGHTSHIFT_POLL_SECONDS")

    def run(self, *, every: float | None, **options: Any) -> dict[str, Any]:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        ticks, since = 0, SLOWEST
        while not stop.is_set():
            pause = max(0.2, every or configuration.load().poll_seconds)
            if since >= pause < SLOWEST or SendOrder.objects.due(timezone.now()).exists():
                wake()
                ticks, since = ticks + 1, 0.0
            close_old_connections()
            nap = min(pause, LOOK)
            stop.wait(nap)
            since += nap
        return {"ticks": ticks}
