"""Documents (failed) -> queued again, tried, or closed; what goes again by itself -> stopped. A person's acts.

Each is one transaction with its line in Activity. Of two who decide the same, one moves the documents; the
other's call returns 0 and says nothing.
"""

from datetime import datetime
from typing import Any

from django.db import transaction

from labeling import activity
from labeling.models import LabelingTask, LabelingTaskVersion, Tryout
from labeling.querysets import DocumentQuerySet
from labeling.states import FailureReason, Way
from labeling.transitions import again, failures


def send_again(
    documents: DocumentQuerySet,
    way: Way,
    *,
    task: LabelingTask,
    reason: FailureReason,
    version: LabelingTaskVersion | None,
    by: Any,
) -> int:
    """failed to queued, under a version of the task or under the one in use."""
    with transaction.atomic():
        moved = again.queue_again(documents, way, version=version)
        if moved:
            words = way.sentence.rstrip(".").lower()
            under = f" with v{version.number}" if version else ""
            activity.record(
                by,
                f"Sends {_documents(moved)} again ({reason}){under}, {words}",
                f"task:{task.slug}",
                before=f"failed: {reason}",
                after=f"waits, {way}",
            )
    return moved


def try_on(
    documents: DocumentQuerySet,
    *,
    most: int,
    task: LabelingTask,
    reason: FailureReason,
    version: LabelingTaskVersion,
    by: Any,
) -> int:
    """The oldest few go ahead in real time, under a version that may be a draft; what became of them is shown."""
    with transaction.atomic():
        chosen = list(documents.leaders().order_by("pk").values_list("pk", flat=True)[:most])
        moved = again.queue_again(documents.filter(pk__in=chosen), Way.URGENT, version=version) if chosen else 0
        if moved:
            Tryout.objects.create(
                task=task, reason=reason, version=version, documents=chosen, started_by=by.get_username()
            )
            sentence = f"Tries v{version.number} on {_documents(len(chosen))} that failed ({reason}), in real time"
            activity.record(by, sentence, f"task:{task.slug}")
    return len(chosen) if moved else 0


def close(documents: DocumentQuerySet, why: str, *, task: LabelingTask, reason: FailureReason, by: Any) -> int:
    """They stay failed, with a reason, and leave the list."""
    with transaction.atomic():
        closed = failures.close(documents, why)
        if closed:
            words = "failed document" if closed == 1 else "failed documents"
            activity.record(
                by,
                f"Closed {closed:,} {words} ({reason}): {why}",
                f"task:{task.slug}",
                before="open",
                after=f"closed: {why}",
            )
    return closed


def reopen(documents: DocumentQuerySet, closed_at: datetime, *, task: LabelingTask, reason: str, by: Any) -> int:
    """What was closed together is open again."""
    with transaction.atomic():
        opened = failures.reopen(documents, until=closed_at)
        if opened:
            sentence = f"Opened {_documents(opened)} again that had been closed ({reason})"
            activity.record(by, sentence, f"task:{task.slug}", before="closed", after="open")
    return opened


def stop(documents: DocumentQuerySet, *, task: LabelingTask, by: Any) -> int:
    """What would go again by itself waits for a person instead: a decision like any other."""
    with transaction.atomic():
        stopped = failures.stop(documents)
        if stopped:
            sentence = f"Stopped {_documents(stopped)} from going again"
            activity.record(by, sentence, f"task:{task.slug}", before="goes again", after="waits for a decision")
    return stopped


def _documents(count: int) -> str:
    return f"{count:,} document{'' if count == 1 else 's'}"
