"""Where each batch stands in time: elapsed, usual finish, 24-hour limit. There is no percentage inside a batch."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from labeling import nights
from labeling.models import Batch
from labeling.states import BatchState

HOUR = timedelta(hours=1)
WIDTH_OF_NOW = 11
"""Percent of the axis on either side of now that its label takes."""

LIMIT = timedelta(hours=24)
ENOUGH_FOR_USUAL = 3
USUAL_OVER = 20
"""The usual time is the median of so many ended batches of the task, of similar size where there are enough."""

NIGHT_LENGTH = timedelta(hours=8)


@dataclass(frozen=True, slots=True)
class Tick:
    place: float
    label: str


@dataclass(frozen=True, slots=True)
class TimeBar:
    kind: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class RailRow:
    """Places are percent of the axis. `elapsed` runs on for a batch that is at the API."""

    batch: Batch
    elapsed: timedelta | None
    usual_at: datetime | None
    is_late: bool
    bars: Sequence[TimeBar]
    limit: float | None
    limit_label: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Rail:
    rows: Sequence[RailRow]
    ticks: Sequence[Tick]
    nights: Sequence[tuple[float, float]]
    now: float
    now_label: str
    sentence: str


def rail(batches: Sequence[Batch], now: datetime, night: time, zone: ZoneInfo, shown_zone: ZoneInfo) -> Rail:
    """The rows of these batches under one axis; `night` and `zone` place the nights, `shown_zone` writes the hours."""
    usual = usual_durations({batch.version.task_id for batch in batches})
    usual_at = {batch.pk: _usual_at(batch, usual) for batch in batches}
    start, end = _span(batches, usual_at, now)
    axis = Axis(start, end, now, shown_zone)
    return Rail(
        rows=[_row(batch, usual_at[batch.pk], axis) for batch in batches],
        ticks=axis.ticks(),
        nights=night_spans(start, end, night, zone, axis),
        now=axis.place(now),
        now_label=axis.hour(now),
        sentence=f"Time axis from {axis.hour(start)} to {axis.hour(end)}",
    )


def usual_durations(task_ids: Iterable[int]) -> dict[int, list[tuple[int, timedelta]]]:
    """Size and time at the API of the newest ended batches, by task."""
    ended = (
        Batch.objects.filter(version__task__in=list(task_ids), ended_at__isnull=False, created_at__isnull=False)
        .order_by("-id")
        .values_list("version__task_id", "request_total", "created_at", "ended_at")[:500]
    )
    durations: dict[int, list[tuple[int, timedelta]]] = {}
    for task_id, requests, created_at, ended_at in ended:
        if created_at and ended_at:
            durations.setdefault(task_id, []).append((requests, ended_at - created_at))
    return durations


def usual_duration(requests: int, ended: Sequence[tuple[int, timedelta]]) -> timedelta | None:
    """Median over batches of similar size (half to double), else of any size; None with fewer than three."""
    similar = [took for size, took in ended if requests / 2 <= size <= requests * 2][:USUAL_OVER]
    chosen = similar if len(similar) >= ENOUGH_FOR_USUAL else [took for _, took in ended[:USUAL_OVER]]
    if len(chosen) < ENOUGH_FOR_USUAL:
        return None
    return timedelta(seconds=median(took.total_seconds() for took in chosen))


def usually(task_id: int, requests: int) -> timedelta | None:
    """How long so many requests of a task are usually at the API; None where nobody knows."""
    return usual_duration(requests, usual_durations([task_id]).get(task_id, ()))


def _usual_at(batch: Batch, usual: dict[int, list[tuple[int, timedelta]]]) -> datetime | None:
    if batch.created_at is None or batch.ended_at is not None:
        return None
    took = usual_duration(batch.request_total, usual.get(batch.version.task_id, ()))
    return batch.created_at + took if took is not None else None


def _span(batches: Sequence[Batch], usual_at: dict[int, datetime | None], now: datetime) -> tuple[datetime, datetime]:
    """From the first start, six hours ago at the latest, to the last finish or limit that matters; whole hours."""
    starts = [batch.created_at for batch in batches if batch.created_at]
    start = max(min([now - 6 * HOUR, *starts]), now - 30 * HOUR)
    ends = [now + 3 * HOUR, *(at for at in usual_at.values() if at)]
    ends += [batch.expires_at for batch in batches if batch.expires_at and _is_late(batch, usual_at[batch.pk], now)]
    end = min(max(ends) + timedelta(minutes=30), now + 24 * HOUR)
    return start.replace(minute=0, second=0, microsecond=0), end.replace(minute=0, second=0, microsecond=0) + HOUR


def _is_late(batch: Batch, usual_at: datetime | None, now: datetime) -> bool:
    return batch.ended_at is None and usual_at is not None and now > usual_at


class Axis:
    """A stretch of time as percent of a width; hours are written in the reader's zone."""

    def __init__(self, start: datetime, end: datetime, now: datetime, zone: ZoneInfo) -> None:
        self.start, self.end, self.now, self.zone = start, end, now, zone

    def place(self, at: datetime) -> float:
        return (at - self.start) / (self.end - self.start) * 100

    def hour(self, at: datetime) -> str:
        return f"{at.astimezone(self.zone):%H:%M}"

    def ticks(self) -> list[Tick]:
        """Full local hours, about seven of them, none where the word "now" stands; midnight names its day."""
        hours = (self.end - self.start) / HOUR
        step = next(step for step in (1, 2, 3, 4, 6, 8, 12) if hours / step <= 8 or step == 12)
        ticks = []
        for number in range(math.ceil(hours) + 1):
            local = (self.start + number * HOUR).astimezone(self.zone)
            place = self.place(local)
            is_free = 2 < place < 98 and abs(place - self.place(self.now)) > WIDTH_OF_NOW
            if local.hour % step == 0 and local.minute == 0 and is_free:
                ticks.append(Tick(place, f"{local:%a}" if local.hour == 0 else f"{local:%H:%M}"))
        return ticks


def night_spans(start: datetime, end: datetime, night: time, zone: ZoneInfo, axis: Axis) -> list[tuple[float, float]]:
    """The eight hours from each submission on, shaded."""
    spans = []
    day = start.astimezone(zone).date() - timedelta(days=1)
    while day <= end.astimezone(zone).date():
        due = nights.due_instant(day, night, zone)
        a, b = max(due, start), min(due + NIGHT_LENGTH, end)
        if a < b:
            spans.append((axis.place(a), axis.place(b)))
        day += timedelta(days=1)
    return spans


def _row(batch: Batch, usual_at: datetime | None, axis: Axis) -> RailRow:
    late = _is_late(batch, usual_at, axis.now)
    limit = batch.expires_at if late and batch.expires_at and batch.expires_at > axis.now else None
    return RailRow(
        batch=batch,
        elapsed=(batch.ended_at or axis.now) - batch.created_at if batch.created_at else None,
        usual_at=usual_at,
        is_late=late,
        bars=_bars(batch, usual_at, axis),
        limit=axis.place(limit) if limit else None,
        limit_label=f"expires {axis.hour(limit)}" if limit else "",
        sentence=_sentence(batch, usual_at, axis),
    )


def _bars(batch: Batch, usual_at: datetime | None, axis: Axis) -> list[TimeBar]:
    if batch.created_at is None:
        return []
    start, now = axis.place(batch.created_at), axis.place(axis.now)
    if batch.ended_at:
        kind = "done" if batch.state == BatchState.INGESTED else "ing"
        return [TimeBar(kind, start, axis.place(batch.ended_at))]
    if usual_at is None:
        return [TimeBar("run", start, now)]
    usual = axis.place(usual_at)
    if usual < now:
        return [TimeBar("run", start, usual), TimeBar("late", usual, now)]
    return [TimeBar("typ", now, usual), TimeBar("run", start, now)]


def _sentence(batch: Batch, usual_at: datetime | None, axis: Axis) -> str:
    if batch.created_at is None:
        return "Not at the API."
    words = [f"Sent {axis.hour(batch.created_at)}."]
    if batch.ended_at:
        words.append(f"Ended {axis.hour(batch.ended_at)}.")
    else:
        words.append(
            f"Usually done by {axis.hour(usual_at)}." if usual_at else "No history to say when it is usually done."
        )
        if batch.expires_at:
            words.append(f"The limit is {axis.hour(batch.expires_at)}.")
    return " ".join(words)
