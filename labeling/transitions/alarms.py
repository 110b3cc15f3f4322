"""The life of an alarm: seen, told, away, back, cleared.

A trouble is told when a second look still sees it, and over when it stayed away for CALM. Each return within a day
doubles the calm that is needed, so what flaps is told a few times a day and not at every turn.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import F

from labeling.models import Alarm

SETTLED_AFTER = timedelta(seconds=50)
"""Looks come each minute: what the second one does not see, such as workers that are just starting, is not told."""

CALM = timedelta(minutes=10)
MOST_DOUBLINGS = 5
REMEMBERED = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Seen:
    kind: str
    subject: str
    sentence: str


@dataclass(slots=True)
class Looked:
    """What one look changed: alarms to be told, and told ones that are over."""

    standing: list[Alarm]
    cleared: list[Alarm]


def look(found: Iterable[Seen], now: datetime) -> Looked | None:
    """Compare what is seen with the open alarms. Inside a transaction; None where somebody else is looking."""
    if not _only_looker():
        return None
    seen = {(each.kind, each.subject): each for each in found}
    open_alarms = {(alarm.kind, alarm.subject): alarm for alarm in Alarm.objects.filter(cleared_at__isnull=True)}
    _raise([each for key, each in seen.items() if key not in open_alarms], now)
    there = [alarm.pk for key, alarm in open_alarms.items() if key in seen]
    away = [alarm for key, alarm in open_alarms.items() if key not in seen]
    Alarm.objects.filter(pk__in=there, is_away=True).update(is_away=False, returns=F("returns") + 1)
    Alarm.objects.filter(pk__in=there).update(seen_at=now)
    Alarm.objects.filter(pk__in=[alarm.pk for alarm in away], is_away=False).update(is_away=True)
    return Looked(standing=_standing(now), cleared=_clear([alarm for alarm in away if _is_over(alarm, now)], now))


def needed_calm(alarm: Alarm) -> timedelta:
    return CALM * 2 ** min(alarm.returns, MOST_DOUBLINGS)


def _raise(new: Sequence[Seen], now: datetime) -> None:
    if not new:
        return
    before: dict[tuple[str, str], int] = {}
    told = Alarm.objects.filter(cleared_at__gt=now - REMEMBERED, told_at__isnull=False).order_by("pk")
    for kind, subject, returns in told.values_list("kind", "subject", "returns"):
        before[kind, subject] = returns + 1
    Alarm.objects.bulk_create(
        Alarm(
            kind=each.kind,
            subject=each.subject,
            sentence=each.sentence,
            raised_at=now,
            seen_at=now,
            returns=before.get((each.kind, each.subject), 0),
        )
        for each in new
    )


def _standing(now: datetime) -> list[Alarm]:
    """Open, there, and seen for long enough; the ones that were not told so far are marked as told now."""
    settled = Alarm.objects.filter(cleared_at__isnull=True, is_away=False, raised_at__lte=now - SETTLED_AFTER)
    settled.filter(told_at__isnull=True).update(told_at=now)
    return list(settled.order_by("pk"))


def _is_over(alarm: Alarm, now: datetime) -> bool:
    """What was never told needs no calm: it is over at once."""
    return alarm.told_at is None or now - alarm.seen_at >= needed_calm(alarm)


def _clear(over: list[Alarm], now: datetime) -> list[Alarm]:
    """Those that had been told; one that never was goes without a word."""
    Alarm.objects.filter(pk__in=[alarm.pk for alarm in over]).update(cleared_at=now)
    return [alarm for alarm in over if alarm.told_at]


def _only_looker() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended('nightshift alarms', 0))")
        return bool(cursor.fetchone()[0])
