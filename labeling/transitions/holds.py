"""An upload stands still while its task goes on: held by a person, or until a trial is decided.

The claims of batches and of real-time calls each run under a lock of their own; whoever holds an upload takes
both, so that nothing of it is claimed after the hold has returned.
"""

from datetime import datetime

from django.db import connection, transaction

from labeling.models import Upload
from labeling.states import HoldKind, UploadState

_HOLDABLE = (UploadState.IMPORTING, UploadState.READY, UploadState.DONE)
_CLAIMS = ("nightshift build", "nightshift urgent claim")


def hold(upload: Upload, kind: HoldKind, *, by: str, now: datetime, until: datetime | None, reason: str) -> bool:
    """False if it is held already; then the first hold stays."""
    with transaction.atomic():
        wait_for_claims()
        held = Upload.objects.filter(pk=upload.pk, hold_kind="", state__in=_HOLDABLE).update(
            hold_kind=kind, held_at=now, held_by=by, held_until=until, hold_reason=reason
        )
    upload.refresh_from_db()
    return bool(held)


def release(upload: Upload, kind: HoldKind, *, now: datetime) -> bool:
    """False if it is not held like this any more. What waits for a night waits for the next one from now."""
    held = Upload.objects.filter(pk=upload.pk, hold_kind=kind)
    # Of an upload that is still imported the import says from when it counts.
    held.filter(counts_from__isnull=False).update(counts_from=now)
    released = held.update(**_FREE)
    upload.refresh_from_db()
    return bool(released)


def end_those_whose_time_is_over(now: datetime) -> int:
    """What was held for a night leaves with the next one, so what it counts from stays."""
    return Upload.objects.filter(hold_kind__gt="", held_until__lte=now).update(**_FREE)


def wait_for_claims() -> None:
    """Until the end of this transaction nothing is claimed."""
    with connection.cursor() as cursor:
        for name in _CLAIMS:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])


_FREE = {"hold_kind": "", "held_at": None, "held_by": "", "held_until": None, "hold_reason": ""}
