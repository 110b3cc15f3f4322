"""Opening and closing the gates through which everything is sent.

Claims of a create call or of urgent calls read the gates FOR SHARE in the statement that claims
(OPEN_GATES): closing a gate therefore waits for claims that are being committed, and nothing is
claimed after it has returned.
"""

from django.utils import timezone

from labeling.models import Gate, LabelingTask

OPEN_GATES = """
    gates AS (
        SELECT task_id, closed_at FROM labeling_gate
        WHERE task_id IS NULL OR task_id = ANY(%(gate_tasks)s) FOR SHARE
    )
"""


def ensure_gates() -> None:
    """The gate of everything and one per task exist; harmless to repeat."""
    Gate.objects.get_or_create(task=None)
    for task in LabelingTask.objects.filter(gate__isnull=True):
        Gate.objects.get_or_create(task=task)


def close_gate(task: LabelingTask | None, *, by: str, kind: str, reason: str) -> bool:
    """False if it was closed already; then the first reason stays."""
    Gate.objects.get_or_create(task=task)
    closed = Gate.objects.filter(task=task, closed_at__isnull=True).update(
        closed_at=timezone.now(), closed_by=by, kind=kind, reason=reason
    )
    return bool(closed)


def open_gate(task: LabelingTask | None) -> bool:
    """False if it was open already."""
    opened = Gate.objects.filter(task=task, closed_at__isnull=False).update(
        closed_at=None, closed_by="", kind="", reason=""
    )
    return bool(opened)
