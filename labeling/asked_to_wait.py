"""How long the API asked to wait, by a 429 with retry-after: known to every worker, and slept through by none.

Real-time calls have limits of their own, and all batch endpoints together have theirs; so each lane has its time.
"""

from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from labeling.models import Setting
from labeling.states import Lane

_KEYS = {Lane.URGENT: "urgent_not_before", Lane.BATCH: "batches_not_before"}


def until(lane: Lane) -> datetime | None:
    """None when calls of this lane may go."""
    row = Setting.objects.filter(key=_KEYS[lane]).first()
    asked = parse_datetime(row.value) if row else None
    return asked if asked and asked > timezone.now() else None


def remember(lane: Lane, seconds: float | None) -> None:
    """From now on; None and 0 are no request to wait. Of two requests the longer one counts."""
    if not seconds:
        return
    asked = timezone.now() + timedelta(seconds=seconds)
    known = until(lane)
    if known is None or known < asked:
        value = {"value": asked.isoformat(), "updated_by": "the API"}
        Setting.objects.update_or_create(key=_KEYS[lane], defaults=value)
