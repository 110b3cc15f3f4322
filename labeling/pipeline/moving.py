"""Documents (queued) of earlier versions -> the same documents under the version that a person put in use.

A version says where its waiting documents move; until they have, they do not leave. Each statement moves some
thousands and commits, so a million take constant memory, hold nobody up, and go on after a restart.
"""

from datetime import datetime

from django.db import OperationalError
from django.utils import timezone

from labeling.locks import only_one
from labeling.models import LabelingTaskVersion
from labeling.states import Work
from labeling.transitions import versions
from labeling.transitions.unfinished import counted

_TRIES = 3


def move_waiting(until: datetime | None = None) -> int:
    """Move what is to be moved, of every task; returns how many documents moved. One worker at a time."""
    with only_one("move") as held:
        if not held:
            return 0
        sources = LabelingTaskVersion.objects.filter(moves_to__isnull=False).order_by("pk")
        return sum(_move(source, until) for source in sources)


def _move(source: LabelingTaskVersion, until: datetime | None) -> int:
    moved, place = 0, versions.THE_BEGINNING
    with counted(Work.MOVE, source.pk) as may_try:
        while may_try and (until is None or timezone.now() < until):
            step = _surely(source, place)
            moved += step.documents
            if step.last is None:
                versions.finish_move(source)
                break
            place = step.last
    return moved


def _surely(source: LabelingTaskVersion, place: versions.Place) -> versions.Moved:
    """A race for rows that ended in a deadlock is run again; nothing of the step was kept."""
    for _ in range(_TRIES - 1):
        try:
            return versions.move_some(source, place)
        except OperationalError:
            continue
    return versions.move_some(source, place)
