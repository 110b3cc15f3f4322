"""How long the words of a labeling task are kept: which of its uploads are over since so many days."""

from datetime import datetime, timedelta

from labeling.models import LabelingTask, Upload
from labeling.querysets import UploadQuerySet
from labeling.states import UploadState

_OVER = (UploadState.DONE, UploadState.DISCARDED, UploadState.WITHDRAWN)
_NEVER_IMPORTED = (UploadState.RECEIVED, UploadState.CHECKED)


def due(task: LabelingTask, now: datetime) -> UploadQuerySet:
    """Counted from when the file came in; what still waits or is in flight is left until it is done."""
    if task.retention_days is None:
        return Upload.objects.none()
    before = now - timedelta(days=task.retention_days)
    return candidates(task).filter(created_at__lt=before)


def candidates(task: LabelingTask) -> UploadQuerySet:
    """Uploads of the task that have words and that nothing waits of, the oldest first."""
    of_task = Upload.objects.filter(version__task=task, erasure=None)
    over = of_task.filter(state__in=_OVER, sweep_due=False) | of_task.filter(state__in=_NEVER_IMPORTED)
    return over.order_by("created_at", "pk")
