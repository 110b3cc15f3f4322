"""Send now: leaves after thirty seconds, and until then a person can take it back."""

import time
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from labeling import activity, faults
from labeling.models import LabelingTask, SendOrder, Upload
from labeling.states import Way
from labeling.transitions import orders

TIME_TO_UNDO = timedelta(seconds=30)
PER_TICK = 15.0
"""Seconds: of a million documents the rest leaves with the next ticks."""


def send_upload(upload: Upload, way: Way, *, by: Any) -> SendOrder | None:
    """None if somebody was first: see `pending`."""
    return _order(by, way, f"Sends {upload.file_name} {way}", f"U-{upload.pk}", upload=upload)


def send_task(task: LabelingTask, *, by: Any) -> SendOrder | None:
    """Everything of the task that waits for tonight, in the next batch; held uploads stay."""
    return _order(by, Way.NOW, f"Sends what waits for tonight of {task} now", f"task:{task.slug}", task=task)


def undo(order: SendOrder, *, by: Any) -> bool:
    """False if it left, or somebody took it back, meanwhile; then the instance says which."""
    with transaction.atomic():
        if not orders.undo(order, by=activity.name_of(by), now=timezone.now()):
            return False
        subject = f"U-{order.upload_id}" if order.upload_id else f"task:{order.task.slug}" if order.task else ""
        activity.record(by, f"Took back the order of {order.ordered_by} to send now", subject)
    return True


def pending(*, upload: Upload | None = None, task: LabelingTask | None = None) -> SendOrder | None:
    return SendOrder.objects.pending().filter(upload=upload, task=task).first()


def carry_out_due(now: datetime) -> int:
    """For a tick, before it builds, for a while: another tick goes on. How many documents leave another way."""
    end = time.monotonic() + PER_TICK
    moved = 0
    for order in SendOrder.objects.due(now).order_by("pk"):
        before = order.documents
        above: int | None = 0
        while above is not None and time.monotonic() < end:
            above = orders.carry_out(order, now, above=above)
            faults.reach("send now: carried out")
        order.refresh_from_db()
        moved += order.documents - before
    return moved


def _order(by: Any, way: Way, sentence: str, subject: str, **what: Any) -> SendOrder | None:
    now = timezone.now()
    with transaction.atomic():
        made = orders.order(
            **{"upload": None, "task": None, **what},
            way=way,
            by=activity.name_of(by),
            now=now,
            leaves_at=now + TIME_TO_UNDO,
        )
        if made:
            activity.record(by, sentence, subject)
    return made
