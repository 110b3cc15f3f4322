"""Opening and closing the gates through which everything is sent.

Claims of a create call or of urgent calls read the gates FOR SHARE in the statement that claims
(OPEN_GATES): closing a gate therefore waits for claims that are being committed, and nothing is
claimed after it has returned.
"""

from datetime import datetime
from typing import Any

from django.utils import timezone

from labeling.models import Gate, LabelingTask

OPEN_GATES = """
    gates AS (
        SELECT task_id, closed_at FROM labeling_gate
        WHERE task_id IS NULL OR task_id = ANY(%(gate_tasks)s) FOR SHARE
    )
"""


RESTORE = "restore"
"""The kind of a gate that only settling a restoration opens."""


def ensure_gates() -> None:
    """The gate of everything and one per task exist; harmless to repeat."""
    Gate.objects.get_or_create(task=None)
    for task in LabelingTask.objects.filter(gate__isnull=True):
        Gate.objects.get_or_create(task=task)


def close_gate(task: LabelingTask | None, *, by: str, kind: str, reason: str, until: datetime | None = None) -> bool:
    """False if it was closed already; then the first reason stays. With `until` a tick opens it then."""
    Gate.objects.get_or_create(task=task)
    closed = Gate.objects.filter(task=task, closed_at__isnull=True).update(
        closed_at=timezone.now(), closed_by=by, kind=kind, reason=reason, until=until
    )
    return bool(closed)


def open_gate(task: LabelingTask | None, *, kind: str = "") -> bool:
    """False if it was open already, or if it waits for a restoration to be settled.

    `kind`: only a gate that is closed like this.
    """
    closed = Gate.objects.filter(task=task, closed_at__isnull=False).exclude(kind=RESTORE)
    return bool((closed.filter(kind=kind) if kind else closed).update(**_OPEN))


def open_those_whose_time_is_over(now: datetime) -> int:
    return Gate.objects.filter(closed_at__isnull=False, until__lte=now).update(**_OPEN)


_OPEN: dict[str, Any] = {"closed_at": None, "closed_by": "", "kind": "", "reason": "", "until": None}
