"""The life of a message: made, claimed, delivered or tried again, given up.

Made once for each subject and receiver, in the transaction of the event. Claimed by one worker at a time, which
counts the try before it is made: a message that ends its worker is not tried without end.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction

from labeling.models import Notice
from labeling.states import NoticeKind

LEASE = timedelta(minutes=3)
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=1)
GIVEN_UP_AFTER = timedelta(days=3)


def make(
    kind: NoticeKind, subject: str, receivers: Iterable[str], *, title: str = "", body: str = "", now: datetime
) -> int:
    """One message for each receiver that has none of this kind about this subject; how many were new."""
    known = made(subject, kind)
    new = [
        Notice(kind=kind, subject=subject, receiver=receiver, title=title[:200], body=body, next_at=now)
        for receiver in dict.fromkeys(receivers)
        if receiver not in known
    ]
    Notice.objects.bulk_create(new, ignore_conflicts=True)
    return len(new)


def made(subject: str, *kinds: NoticeKind) -> set[str]:
    """The receivers of messages about it."""
    return set(Notice.objects.filter(kind__in=kinds, subject=subject).values_list("receiver", flat=True))


def claim(now: datetime, *, pk: int | None = None) -> Notice | None:
    """The oldest message that is due, or this one if it is; nobody else gets it before its lease is over."""
    with transaction.atomic():
        due = Notice.objects.due(now) if pk is None else Notice.objects.on_the_way().filter(pk=pk)
        notice = due.order_by("pk").select_for_update(skip_locked=True).first()
        if notice is None:
            return None
        notice.tries += 1
        notice.lease_until = now + LEASE
        notice.save(update_fields=("tries", "lease_until"))
        return notice


def delivered(notice: Notice, now: datetime) -> bool:
    """False if the lease was over and somebody else has tried since."""
    return _end_of_try(notice, delivered_at=now, last_error="")


def failed(notice: Notice, error: str, now: datetime, *, for_good: bool = False) -> bool:
    """Tried again after a wait that doubles, up to an hour; after three days, or `for_good`, not any more."""
    is_over = for_good or now - notice.made_at >= GIVEN_UP_AFTER
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(notice.tries - 1, 10))
    return _end_of_try(notice, last_error=error[:300], next_at=now + wait, given_up_at=now if is_over else None)


def overtake(kind: NoticeKind, subject: str, why: str, now: datetime) -> int:
    """What a newer message makes needless is not delivered any more."""
    waiting = Notice.objects.on_the_way().filter(kind=kind, subject=subject, lease_until__isnull=True)
    return waiting.update(given_up_at=now, last_error=why)


def _end_of_try(notice: Notice, **columns: object) -> bool:
    """Guarded by the number of the try: a worker whose lease was over does not speak for the one after it."""
    mine = Notice.objects.on_the_way().filter(pk=notice.pk, tries=notice.tries)
    return bool(mine.update(lease_until=None, **columns))
