"""Wrong file: a person withdraws an upload, and perhaps takes it back. Put together of moves and of cancels.

The state of the upload says at once that nothing of it leaves; its documents follow in portions, a tick goes on
where a request stopped.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from labeling import activity, counts, faults
from labeling.configuration import Configuration
from labeling.models import Batch, Document, Upload
from labeling.states import BatchState, DocumentState
from labeling.transitions import withdrawing

from . import cancel

AT_ONCE = timedelta(milliseconds=500)
PER_TICK = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Flying:
    """A batch with documents of the upload in flight; alone: with no others."""

    batch: Batch
    documents: int

    @property
    def is_alone(self) -> bool:
        return self.documents == self.batch.request_total

    @property
    def can_be_canceled(self) -> bool:
        return self.is_alone and self.batch.state == BatchState.IN_PROGRESS and not self.batch.cancel_requested_at


@dataclass(frozen=True, slots=True)
class Outlook:
    """What withdrawing an upload would do to its documents."""

    waiting: int
    labeled: int
    failed: int
    real_time: int
    flying: Sequence[Flying]

    @property
    def unsent(self) -> int:
        """In batches that were not sent yet: these are taken apart, and it costs nothing."""
        return sum(f.documents for f in self.flying if f.batch.state == BatchState.BUILDING)

    @property
    def free(self) -> int:
        return self.waiting + self.unsent

    @property
    def alone(self) -> list[Flying]:
        return [f for f in self.flying if f.is_alone and f.batch.state != BatchState.BUILDING]

    @property
    def shared(self) -> list[Flying]:
        return [f for f in self.flying if not f.is_alone and f.batch.state != BatchState.BUILDING]

    @property
    def cancelable(self) -> list[Flying]:
        return [f for f in self.flying if f.can_be_canceled]

    @property
    def in_flight(self) -> int:
        return self.real_time + sum(f.documents for f in (*self.alone, *self.shared))

    @property
    def alone_documents(self) -> int:
        return sum(f.documents for f in self.alone)

    @property
    def shared_documents(self) -> int:
        return sum(f.documents for f in self.shared)


def outlook(upload: Upload) -> Outlook:
    """Exact, from the open requests: the queue limit bounds how many there are."""
    states = counts.documents_by_state(upload_id=upload.pk)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT r.batch_id, count(*) FROM labeling_document d
            JOIN labeling_request r ON r.document_id = d.id AND r.outcome = 'open'
            WHERE d.upload_id = %s AND d.state = 'batched' GROUP BY r.batch_id
            """,
            [upload.pk],
        )
        by_batch: dict[int | None, int] = dict(cursor.fetchall())
    real_time = by_batch.pop(None, 0)
    batches = Batch.objects.select_related("version__task").in_bulk([pk for pk in by_batch if pk is not None])
    return Outlook(
        waiting=states[DocumentState.QUEUED],
        labeled=states[DocumentState.LABELED],
        failed=states[DocumentState.FAILED],
        real_time=real_time,
        flying=[Flying(batch, by_batch[pk]) for pk, batch in sorted(batches.items())],
    )


def withdraw_upload(upload: Upload, settings: Configuration, *, by: Any, cancel_alone: bool = False) -> bool:
    """False if it was withdrawn, or is not whole, meanwhile. Batches that carry nothing else are canceled if wished."""
    with transaction.atomic():
        if not withdrawing.withdraw_upload(upload, by=activity.name_of(by)):
            return False
        activity.record(by, f"Withdrew {upload.file_name}", f"U-{upload.pk}")
        alone = outlook(upload).cancelable if cancel_alone else []
    faults.reach("withdraw: wished")
    for flying in alone:
        cancel.request_cancel(flying.batch, by=by, withdraw=True)
    _follow(upload.pk, settings, AT_ONCE)
    return True


def restore_upload(upload: Upload, settings: Configuration, *, by: Any) -> bool:
    """False if it was restored meanwhile."""
    with transaction.atomic():
        if not withdrawing.restore_upload(upload):
            return False
        activity.record(by, f"Restored {upload.file_name}", f"U-{upload.pk}")
    faults.reach("withdraw: restoring")
    _follow(upload.pk, settings, AT_ONCE)
    return True


def restore_documents(upload: Upload, settings: Configuration, *, by: Any) -> tuple[int, bool]:
    """Documents that were withdrawn while their upload was not, as many as half a second allows.

    How many came back, and whether others can still come back.
    """
    end, restored = timezone.now() + AT_ONCE, 0
    withdrawn = Document.objects.filter(upload=upload, state=DocumentState.WITHDRAWN, erasure=None).order_by("pk")
    while timezone.now() < end:
        portion = list(withdrawn.values_list("pk", flat=True)[: withdrawing.PORTION])
        moved = withdrawing.restore(Document.objects.filter(pk__in=portion), zone=settings.time_zone)
        restored += moved.at_once
        if not moved.at_once:
            break
    if restored:
        activity.record(by, f"Restored {restored:,} documents of {upload.file_name}", f"U-{upload.pk}")
    return restored, withdrawn.exists()


def go_on(settings: Configuration) -> int:
    """For a tick: uploads whose documents do not all follow their state yet; returns how many were looked at."""
    due = list(Upload.objects.filter(sweep_due=True).order_by("pk").values_list("pk", flat=True))
    for upload_id in due:
        _follow(upload_id, settings, PER_TICK / len(due))
    return len(due)


def _follow(upload_id: int, settings: Configuration, most: timedelta) -> None:
    end = timezone.now() + most
    while withdrawing.sweep(upload_id, zone=settings.time_zone) and timezone.now() < end:
        pass
