"""When a night is due: from the setting (hour and zone), never from the firing of a schedule. Pure."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def due_instant(day: date, hour: time, zone: ZoneInfo) -> datetime:
    """The instant at which the night of a local date is due, in UTC.

    A wall time that a daylight-saving gap skips is due at the first instant after the gap; one that
    occurs twice is due the first time.
    """
    wall = datetime.combine(day, hour, tzinfo=zone)
    instant = wall.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None):
        return instant
    return _end_of_gap(wall)


def _end_of_gap(wall: datetime) -> datetime:
    """Inside a gap, fold=1 reads the wall time with the offset after it, fold=0 with the one before.

    The two readings lie on both sides of the change; the change itself is found to the second.
    """
    low = wall.replace(fold=1).astimezone(UTC)
    high = wall.replace(fold=0).astimezone(UTC)
    zone = wall.tzinfo
    offset_before = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == offset_before:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


def latest_due(now: datetime, hour: time, zone: ZoneInfo) -> tuple[date, datetime]:
    """The night that was due last: its local date and its instant, which is not after now."""
    today = now.astimezone(zone).date()
    for day in (today + timedelta(days=1), today, today - timedelta(days=1)):
        due = due_instant(day, hour, zone)
        if due <= now:
            return day, due
    raise AssertionError("yesterday's night is always past")


def next_due(now: datetime, hour: time, zone: ZoneInfo) -> tuple[date, datetime]:
    """The night that is due next: its local date and its instant, which is after now."""
    today = now.astimezone(zone).date()
    for day in (today - timedelta(days=1), today, today + timedelta(days=1)):
        due = due_instant(day, hour, zone)
        if due > now:
            return day, due
    raise AssertionError("tomorrow's night is always ahead")
