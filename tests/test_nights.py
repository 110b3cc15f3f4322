"""When a night is due: the hour and the zone decide, through every change of the clocks."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from labeling.nights import due_instant, latest_due, next_due

BERLIN, SANTIAGO, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("America/Santiago"), ZoneInfo("UTC")
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/Santiago",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "Asia/Beirut",
    "Pacific/Apia",
)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("day", "hour", "zone", "due"),
    [
        (date(2026, 11, 22), time(0, 0), UTC_ZONE, utc(2026, 11, 22)),
        (date(2026, 11, 22), time(22, 30), UTC_ZONE, utc(2026, 11, 22, 22, 30)),
        (date(2026, 1, 15), time(0, 0), BERLIN, utc(2026, 1, 14, 23)),
        (date(2026, 7, 15), time(0, 0), BERLIN, utc(2026, 7, 14, 22)),
        (date(2026, 9, 5), time(0, 0), SANTIAGO, utc(2026, 9, 5, 4)),
        (date(2026, 9, 7), time(0, 0), SANTIAGO, utc(2026, 9, 7, 3)),
    ],
)
def test_a_night_is_due_at_its_hour_in_its_zone(day: date, hour: time, zone: ZoneInfo, due: datetime) -> None:
    assert due_instant(day, hour, zone) == due


@pytest.mark.parametrize(
    ("day", "hour", "zone", "due"),
    [
        (date(2026, 9, 6), time(0, 0), SANTIAGO, utc(2026, 9, 6, 4)),
        (date(2026, 9, 6), time(0, 59), SANTIAGO, utc(2026, 9, 6, 4)),
        (date(2026, 9, 6), time(1, 0), SANTIAGO, utc(2026, 9, 6, 4)),
        (date(2026, 3, 29), time(2, 0), BERLIN, utc(2026, 3, 29, 1)),
        (date(2026, 3, 29), time(2, 30), BERLIN, utc(2026, 3, 29, 1)),
        (date(2026, 3, 29), time(3, 0), BERLIN, utc(2026, 3, 29, 1)),
        (date(2011, 12, 30), time(12, 0), ZoneInfo("Pacific/Apia"), utc(2011, 12, 30, 10)),
    ],
)
def test_an_hour_that_the_clocks_skip_is_due_at_the_first_instant_after_the_gap(
    day: date, hour: time, zone: ZoneInfo, due: datetime
) -> None:
    assert due_instant(day, hour, zone) == due


@pytest.mark.parametrize("hour", [time(2, 0), time(2, 30), time(2, 59)])
def test_an_hour_that_comes_twice_is_due_the_first_time(hour: time) -> None:
    assert due_instant(date(2026, 10, 25), hour, BERLIN) == utc(2026, 10, 25, 0, hour.minute)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("hour", [time(0, 0), time(2, 30), time(23, 59)])
def test_two_years_of_ticks_neither_skip_nor_repeat_a_night(zone: str, hour: time) -> None:
    where = ZoneInfo(zone)
    now, nights = utc(2026, 1, 3, 0, 17), list[tuple[date, datetime]]()
    while now < utc(2028, 1, 3):
        found = latest_due(now, hour, where)
        assert found[1] <= now
        if not nights or found != nights[-1]:
            nights.append(found)
        now += timedelta(hours=1)
    dates = [day for day, _ in nights]
    assert dates == [dates[0] + timedelta(days=number) for number in range(len(dates))]
    assert len(dates) in (730, 731)
    gaps = {later - earlier for (_, earlier), (_, later) in pairwise(nights)}
    assert gaps <= {timedelta(hours=24) + timedelta(minutes=change) for change in (-60, -30, 0, 30, 60)}
    assert len({due for _, due in nights}) == len(nights)


@pytest.mark.parametrize("zone", ZONES)
def test_the_next_night_follows_the_last_without_a_gap(zone: str) -> None:
    where, hour = ZoneInfo(zone), time(0, 0)
    now = utc(2026, 1, 3, 0, 17)
    while now < utc(2027, 1, 3):
        day, due = next_due(now, hour, where)
        assert now < due <= now + timedelta(hours=25)
        assert latest_due(due, hour, where) == (day, due)
        assert latest_due(due - timedelta(seconds=1), hour, where)[0] == day - timedelta(days=1)
        now += timedelta(hours=7)


def test_a_night_is_due_from_its_very_instant_on() -> None:
    due = utc(2026, 11, 22)
    assert latest_due(due, time(0, 0), UTC_ZONE) == (date(2026, 11, 22), due)
    assert latest_due(due - timedelta(microseconds=1), time(0, 0), UTC_ZONE)[0] == date(2026, 11, 21)
