"""Questions how many tokens a request has, and when they are forgotten."""

import hashlib
from datetime import datetime, timedelta

from labeling.models import TokenCount

ASK_AGAIN_AFTER = timedelta(seconds=30)
"""A question that nobody answered for so long is asked again when a person presses again."""

KEEP = timedelta(days=1)


def digest_of(params: bytes) -> str:
    return hashlib.sha256(params).hexdigest()


def want(params: bytes, now: datetime) -> tuple[TokenCount, bool]:
    """The row of the question, and whether a worker is to be asked now."""
    row, made = TokenCount.objects.get_or_create(
        digest=digest_of(params), defaults={"params": params.decode(), "asked_at": now}
    )
    if made:
        return row, True
    is_stale = (row.tokens is None and now - row.asked_at > ASK_AGAIN_AFTER) or now - row.asked_at > KEEP
    if row.error or is_stale:
        fields = {"params": params.decode(), "asked_at": now, "error": "", "tokens": None, "counted_at": None}
        TokenCount.objects.filter(pk=row.pk).update(**fields)
        row.refresh_from_db()
        return row, True
    return row, False


def forget(now: datetime) -> int:
    """Old counts: the texts are gone already, and the model may count differently some day."""
    return TokenCount.objects.filter(asked_at__lt=now - KEEP).delete()[0]
