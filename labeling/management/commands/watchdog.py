import logging
import os
import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db import Error, close_old_connections
from django.utils import timezone

from batchsite.leftovers import MARK
from labeling import configuration, outgoing
from labeling.health import heartbeat
from labeling.health.watchdog import EVERY_SECONDS, MOST_SILENT_LOOKS, Watchdog
from labeling.management.base import Door, count, seconds
from labeling.waking import TICKS

log = logging.getLogger(__name__)

SECONDS = 5.0
"""For deliveries between two looks."""


class Command(Door):
    help = "Ends clusters of the running installation that are frozen or orphaned; the process runner runs it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--every", type=seconds, metavar="SECONDS", default=EVERY_SECONDS)
        parser.add_argument(
            "--looks", type=count, metavar="COUNT", default=MOST_SILENT_LOOKS, help="of silence at most"
        )

    def run(self, *, every: float, looks: int, **options: Any) -> dict[str, Any]:
        if os.environ.get(MARK) != str(settings.NIGHTSHIFT_HOME):
            raise CommandError("The watchdog belongs to a running installation: `make run` starts it.")
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        runner = os.getppid()
        watchdog = Watchdog(settings.NIGHTSHIFT_HOME, runner, most_silent_looks=looks)
        # Without the process runner nothing could be started again: then this is an orphan itself.
        while not stop.is_set() and os.getppid() == runner:
            watchdog.look()
            _tell_if_nobody_does()
            close_old_connections()
            stop.wait(every)
        return {}


def _tell_if_nobody_does() -> None:
    """Alarms go out from the queue of ticks; when that queue is what is silent, they go out from here."""
    try:
        if not heartbeat.cluster(timezone.now())["queues"][TICKS]:
            outgoing.go_round(configuration.load(), seconds=SECONDS)
    except Error as error:
        log.warning("nobody can be told: %s", error)
