"""Schedules that fail each time they run: since when. A worker that beats may still do nothing.

Written by the worker itself after each run, as a setting of the schedule's own that only stands there while it fails.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError
from django.utils import timezone

from labeling.foundations import SCHEDULES
from labeling.glance import FAILING, FAILING_SCHEDULES
from labeling.models import Setting

log = logging.getLogger(__name__)

FAILING_FOR = timedelta(minutes=3)
"""What fails once, because the database was away for a moment, mends itself with the next run."""

_OURS = frozenset(spec["name"] for spec in SCHEDULES)


@dataclass(frozen=True, slots=True)
class Failing:
    """`error` is the name of the exception alone: what it says may hold what nobody should read."""

    schedule: str
    since: datetime
    error: str

    @property
    def subject(self) -> str:
        return f"schedule:{self.schedule.replace(' ', '-')}"


def note(task: Mapping[str, Any], **_: object) -> None:
    """After every run of a worker; a fault of the database here must not end it."""
    if task.get("group") not in _OURS:
        return
    try:
        _write(f"{FAILING}{task['group']}", task)
    except DatabaseError as error:
        log.warning("not noted how %s ended: %s", task["group"], error)


def failing(now: datetime, rows: Iterable[Setting] | None = None) -> list[Failing]:
    """Those that fail for a while. `rows`: where somebody has looked already."""
    noted = FAILING_SCHEDULES.rows() if rows is None else rows
    found = [
        Failing(row.key.removeprefix(FAILING), datetime.fromisoformat(row.value["since"]), row.value["error"])
        for row in noted
    ]
    return [schedule for schedule in found if schedule.since < now - FAILING_FOR]


def _write(key: str, task: Mapping[str, Any]) -> None:
    if task.get("success"):
        Setting.objects.filter(key=key).delete()
        return
    first = {"since": timezone.now().isoformat(), "error": _name(str(task.get("result")))}
    Setting.objects.get_or_create(key=key, defaults={"value": first, "updated_by": "a worker"})


def _name(traceback: str) -> str:
    """The last line of a traceback begins with the exception."""
    return (traceback.strip().rpartition("\n")[2].partition(":")[0].rpartition(".")[2])[:80]
