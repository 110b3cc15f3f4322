"""Documents that nobody wants any more, and the way back.

Each is one guarded statement per portion. What waits, is labeled, or failed is withdrawn at once and remembers
what it was; what is in flight is marked, and becomes withdrawn when its result is in. Rows that somebody holds
at this moment are passed over, because a call whose booking has to wait could be lost although it was paid: they
are looked at again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from labeling import faults
from labeling.models import Batch, Document, Request, Upload
from labeling.querysets import DocumentQuerySet
from labeling.states import BatchState, DocumentState, Outcome, UploadState

from . import batches, holds
from .copies import follow_leaders, promote_heirs
from .requests import release_unsent
from .uploads import reopen
from .waste import Waste, book_waste

PORTION = 10_000
_LOOKS = 5

_WITHDRAW = """
    WITH chosen AS (
        SELECT id, state FROM labeling_document
        WHERE id = ANY(%(ids)s) AND (state IN ('queued', 'labeled', 'failed') OR (state = 'batched' AND NOT unwanted))
        ORDER BY id FOR UPDATE SKIP LOCKED
    )
    UPDATE labeling_document d SET
        state = CASE WHEN c.state = 'batched' THEN 'batched' ELSE 'withdrawn' END,
        withdrawn_from = CASE WHEN c.state = 'batched' THEN '' ELSE c.state END,
        unwanted = c.state = 'batched', withdrawn_with_upload = %(with_upload)s
    FROM chosen c WHERE d.id = c.id
    RETURNING d.id, c.state
"""

# A copy that lost its leader's company meanwhile stands where the one that leads it now stands.
_RESTORE = """
    WITH chosen AS (
        SELECT d.id, d.state, CASE
            WHEN d.state = 'batched' THEN 'batched'
            WHEN d.withdrawn_from = 'labeled' THEN 'labeled'
            WHEN d.withdrawn_from = 'failed' THEN 'failed'
            WHEN 'labeled' IN (l.state, l.withdrawn_from) THEN 'labeled'
            WHEN l.state = 'failed' THEN 'failed'
            ELSE 'queued' END AS becomes,
            l.result_id AS leader_result_id, l.failure_reason AS leader_reason
        FROM labeling_document d LEFT JOIN labeling_document l ON l.id = d.leader_id
        WHERE d.id = ANY(%(ids)s) AND (d.state = 'withdrawn' OR (d.state = 'batched' AND d.unwanted))
        ORDER BY d.id FOR UPDATE OF d SKIP LOCKED
    )
    UPDATE labeling_document d SET
        state = c.becomes, unwanted = FALSE, withdrawn_with_upload = FALSE, withdrawn_from = '',
        result_id = CASE WHEN c.becomes = 'labeled' THEN
            CASE WHEN d.withdrawn_from = 'labeled' THEN d.result_id ELSE c.leader_result_id END ELSE d.result_id END,
        failure_reason = CASE WHEN c.becomes <> 'failed' THEN '' WHEN d.failure_reason <> '' THEN d.failure_reason
            ELSE c.leader_reason END,
        closed_at = CASE WHEN c.becomes = 'failed' THEN d.closed_at END,
        closed_reason = CASE WHEN c.becomes = 'failed' THEN d.closed_reason ELSE '' END,
        queued_at = CASE WHEN c.becomes = 'queued' THEN %(now)s ELSE d.queued_at END
    FROM chosen c WHERE d.id = c.id
    RETURNING d.id, d.leader_id, c.state, c.becomes
"""


@dataclass(frozen=True, slots=True)
class Moved:
    """How many documents moved at once, and how many are in flight and follow when their result is in."""

    at_once: int = 0
    in_flight: int = 0

    def __add__(self, other: "Moved") -> "Moved":
        return Moved(self.at_once + other.at_once, self.in_flight + other.in_flight)

    def __bool__(self) -> bool:
        return bool(self.at_once or self.in_flight)


def withdraw(documents: DocumentQuerySet, *, zone: str) -> Moved:
    """queued, labeled or failed to withdrawn; what is in flight is marked, and what was not sent yet is taken apart.

    Of a text that waits elsewhere too the oldest waiting copy leads from now on.
    `zone` is the site's: the day of money is local.
    """
    return _in_portions(_withdrawable(documents), lambda ids: _withdraw_alone(ids, zone=zone))


def restore(documents: DocumentQuerySet, *, zone: str) -> Moved:
    """withdrawn to what each was; a mark on what is in flight is taken off. Not of an upload that is withdrawn."""
    wanted = documents.exclude(upload__state=UploadState.WITHDRAWN)
    return _in_portions(_restorable(wanted), lambda ids: _restore(ids, zone=zone))


def withdraw_upload(upload: Upload, *, by: str) -> bool:
    """ready or done to withdrawn: from now on nothing of it leaves; `sweep` lets its documents follow."""
    with transaction.atomic():
        holds.wait_for_claims()
        withdrawn = Upload.objects.filter(pk=upload.pk, state__in=(UploadState.READY, UploadState.DONE)).update(
            state=UploadState.WITHDRAWN, withdrawn_at=timezone.now(), withdrawn_by=by, sweep_due=True
        )
        if withdrawn:
            take_apart(upload, by=by, why=f"U-{upload.pk} was withdrawn before it was sent")
    upload.refresh_from_db()
    return bool(withdrawn)


def restore_upload(upload: Upload) -> bool:
    """withdrawn to ready; `sweep` brings back what went with it. What waits for a night waits for the next one."""
    withdrawn = Upload.objects.filter(pk=upload.pk, state=UploadState.WITHDRAWN, erasure=None)
    restored = withdrawn.update(
        state=UploadState.READY, withdrawn_at=None, withdrawn_by="", sweep_due=True, counts_from=timezone.now()
    )
    upload.refresh_from_db()
    return bool(restored)


def sweep(upload_id: int, *, zone: str) -> bool:
    """One portion of an upload's documents follows its state, in one transaction; False once all of them have.

    May run twice or at once: the row of the upload is locked, so that its state stays while documents follow it.
    """
    with transaction.atomic():
        upload = Upload.objects.select_for_update(no_key=True).filter(pk=upload_id, sweep_due=True).first()
        if upload is None:
            return False
        documents = Document.objects.filter(upload=upload)
        if upload.state == UploadState.WITHDRAWN:
            left = _withdrawable(documents)
        else:
            left = _restorable(documents).filter(withdrawn_with_upload=True)
        ids = list(left.order_by("pk").values_list("pk", flat=True)[:PORTION])
        if not ids:
            Upload.objects.filter(pk=upload_id).update(sweep_due=False)
        elif upload.state == UploadState.WITHDRAWN:
            _withdraw(ids, with_upload=True, zone=zone)
        else:
            _restore(ids, zone=zone)
        faults.reach("withdraw: sweeping")
    faults.reach("withdraw: swept")
    return bool(ids)


def take_apart(upload: Upload, *, by: str, why: str) -> int:
    """building to rejected for batches with documents of this upload: what is in them waits again, nothing was sent."""
    return _take_apart(Request.objects.filter(document__upload=upload), by=by, why=why)


def _take_apart(inside: QuerySet[Request], *, by: str, why: str) -> int:
    unsent = Batch.objects.filter(Exists(inside.filter(batch=OuterRef("pk"))), state=BatchState.BUILDING)
    return sum(
        release_unsent(batch=batch)
        for batch in unsent.select_related("version__task")
        if batches.move(batch, BatchState.BUILDING, BatchState.REJECTED, by=by, why=why)
    )


def _withdrawable(documents: DocumentQuerySet) -> DocumentQuerySet:
    in_rest = (DocumentState.QUEUED, DocumentState.LABELED, DocumentState.FAILED)
    return documents.filter(state__in=in_rest) | documents.filter(state=DocumentState.BATCHED, unwanted=False)


def _restorable(documents: DocumentQuerySet) -> DocumentQuerySet:
    """What was erased has no words to send: it never comes back."""
    documents = documents.filter(erasure=None)
    return documents.filter(state=DocumentState.WITHDRAWN) | documents.filter(
        state=DocumentState.BATCHED, unwanted=True
    )


def _in_portions(documents: DocumentQuerySet, move: Any) -> Moved:
    """Chosen once; a portion that somebody holds in part is looked at a few times."""
    ids = list(documents.order_by("pk").values_list("pk", flat=True))
    moved = Moved()
    for first in range(0, len(ids), PORTION):
        portion = ids[first : first + PORTION]
        for _ in range(_LOOKS):
            with transaction.atomic():
                found: Moved = move(portion)
            moved += found
            if not found or found.at_once + found.in_flight >= len(portion):
                break
    return moved


def _withdraw_alone(ids: Sequence[int], *, zone: str) -> Moved:
    moved = _withdraw(ids, with_upload=False, zone=zone)
    if not moved.in_flight:
        return moved
    inside = Request.objects.filter(document__in=ids, outcome=Outcome.OPEN)
    _take_apart(inside, by="withdraw", why="documents of it were withdrawn before it was sent")
    flying = min(moved.in_flight, Document.objects.filter(pk__in=ids, unwanted=True).count())
    return Moved(moved.at_once + moved.in_flight - flying, flying)


def _withdraw(ids: Sequence[int], *, with_upload: bool, zone: str) -> Moved:
    with connection.cursor() as cursor:
        cursor.execute(_WITHDRAW, {"ids": list(ids), "with_upload": with_upload})
        moved = cursor.fetchall()
    book_waste(_labels([pk for pk, state in moved if state == DocumentState.LABELED]), Waste.WITHDRAWN, zone=zone)
    promote_heirs([pk for pk, _ in moved])
    return _counted([state for _, state in moved])


def _restore(ids: Sequence[int], *, zone: str) -> Moved:
    with connection.cursor() as cursor:
        cursor.execute(_RESTORE, {"ids": list(ids), "now": timezone.now()})
        moved = cursor.fetchall()
    again = [pk for pk, _, _, becomes in moved if becomes == DocumentState.LABELED]
    book_waste(_labels(again), Waste.WITHDRAWN, zone=zone, taken_back=True)
    follow_leaders([pk for pk, _, _, _ in moved])
    promote_heirs([leader for _, leader, _, _ in moved if leader])
    reopen([pk for pk, _, _, becomes in moved if becomes == DocumentState.QUEUED])
    return _counted([state for _, _, state, _ in moved])


def _labels(ids: Sequence[int]) -> Iterable[tuple[int, int | None]]:
    return Document.objects.filter(pk__in=ids).values_list("pk", "result_id") if ids else []


def _counted(states: Sequence[str]) -> Moved:
    in_flight = sum(state == DocumentState.BATCHED for state in states)
    return Moved(len(states) - in_flight, in_flight)
