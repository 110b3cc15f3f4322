"""Send now, with time to think again: nothing moves before its time, so taking it back leaves no trace."""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import F

from labeling.models import Document, LabelingTask, SendOrder, Upload
from labeling.querysets import DocumentQuerySet
from labeling.states import HoldKind, OrderState, Way

from .ways import change_way

PORTION = 10_000


def order(
    *, upload: Upload | None, task: LabelingTask | None, way: Way, by: str, now: datetime, leaves_at: datetime
) -> SendOrder | None:
    """None if one is pending already: the first stays."""
    try:
        with transaction.atomic():
            return SendOrder.objects.create(
                upload=upload, task=task, way=way, ordered_at=now, ordered_by=by, leaves_at=leaves_at
            )
    except IntegrityError:
        return None


def undo(pending: SendOrder, *, by: str, now: datetime) -> bool:
    """pending to undone; False if something of it left, or it was taken back, meanwhile."""
    untouched = SendOrder.objects.filter(pk=pending.pk, state=OrderState.PENDING, documents=0)
    undone = untouched.update(state=OrderState.UNDONE, ended_at=now, ended_by=by)
    pending.refresh_from_db()
    return bool(undone)


def carry_out(pending: SendOrder, now: datetime, *, above: int) -> int | None:
    """One portion of its documents with ids above this changes its way, in one transaction; after the last one the
    order is done. Returns the id to go on above, None where there is nothing more: it is done, or was taken back.

    Rows that somebody holds at this moment are passed over.
    """
    with transaction.atomic():
        due = SendOrder.objects.filter(pk=pending.pk, state=OrderState.PENDING, leaves_at__lte=now)
        if not due.select_for_update(no_key=True).exists():
            return None
        rest = concerned(pending).exclude(way=pending.way).filter(pk__gt=above).order_by("pk")
        ids = list(rest.values_list("pk", flat=True)[:PORTION])
        moved = change_way(Document.objects.filter(pk__in=ids), Way(pending.way)) if ids else 0
        due.update(documents=F("documents") + moved)
        if len(ids) == PORTION:
            return ids[-1]
        due.update(state=OrderState.DONE, ended_at=now, ended_by=F("ordered_by"))
    return None


def concerned(pending: SendOrder) -> DocumentQuerySet:
    """What the order is about: what waits of the upload, or for tonight of the task and is not held."""
    waiting = Document.objects.waiting().filter(trialdocument__isnull=True)
    if pending.upload_id:
        return waiting.filter(upload=pending.upload_id)
    return tonight_of(pending.task_id)


def tonight_of(task_id: int | None) -> DocumentQuerySet:
    """What waits for tonight of a task, held uploads left out."""
    waiting = Document.objects.waiting().filter(version__task=task_id, way=Way.TONIGHT)
    return waiting.exclude(upload__hold_kind__in=list(HoldKind))
