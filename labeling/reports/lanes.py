"""The rail of a night: a lane per upload, or per labeling task that many uploads left with; a tick per batch back.

There is no percentage inside a batch; true progress exists across batches, and that is what a lane shows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from labeling.models import Batch, BatchShare, LabelingTask, Upload
from labeling.states import BatchState

from .rail import HOUR, Axis, Tick, TimeBar, night_spans, usual_duration, usual_durations

NEVER_SENT = (BatchState.REJECTED, BatchState.ABSENT)
SENT = BatchState.with_message_batch()
MOST_NAMED = 3
MOST_UPLOADS = 4
"""A task with more uploads in one night, or in one day, has one lane for all of them."""


@dataclass(frozen=True, slots=True)
class BatchTick:
    """One batch that is back: where on the axis, and whether every answer of it can be used."""

    place: float
    kind: str


@dataclass(frozen=True, slots=True)
class Lane:
    """The batches of one upload, or of all uploads of a task where `upload` is None.

    `carried` are the requests of each batch that belong here. Counts are requests; places are percent of the axis.
    """

    task: LabelingTask
    upload: Upload | None
    uploads: int
    batches: Sequence[Batch]
    carried: Mapping[int, int]
    by_day: bool
    bars: Sequence[TimeBar]
    ticks: Sequence[BatchTick]
    elapsed: timedelta | None
    usual_at: datetime | None
    latest_at: datetime | None
    limit: float | None
    limit_label: str
    is_late: bool
    late: Sequence[Batch]
    sentence: str

    @property
    def sent(self) -> list[Batch]:
        return [batch for batch in self.batches if batch.state in SENT]

    @property
    def back(self) -> list[Batch]:
        return [batch for batch in self.batches if batch.state == BatchState.INGESTED]

    @property
    def requests(self) -> int:
        return sum(self.carried[batch.pk] for batch in self.wanted)

    @property
    def requests_back(self) -> int:
        return sum(self.carried[batch.pk] for batch in self.back)

    @property
    def knows_labeled(self) -> bool:
        """What a batch brought is known of the whole batch only; one that others share says nothing about a part."""
        return all(self.carried[batch.pk] == batch.request_total for batch in self.back)

    @property
    def labeled(self) -> int:
        return sum(batch.usable_results for batch in self.back)

    @property
    def not_labeled(self) -> int:
        return self.requests_back - self.labeled

    @property
    def wanted(self) -> list[Batch]:
        """Batches that were sent or still will be."""
        return [batch for batch in self.batches if batch.state not in NEVER_SENT]

    @property
    def never_sent(self) -> list[Batch]:
        return [batch for batch in self.batches if batch.state in NEVER_SENT]

    @property
    def doubtful(self) -> list[Batch]:
        return [batch for batch in self.batches if batch.state == BatchState.UNKNOWN]

    @property
    def reading(self) -> list[Batch]:
        return [batch for batch in self.batches if batch.state == BatchState.ENDED]

    @property
    def is_running(self) -> bool:
        return any(batch.state in BatchState.open() for batch in self.batches)

    @property
    def glyph(self) -> str:
        if self.doubtful or self.late or self.never_sent:
            return "late"
        if self.is_running:
            return "proc" if self.sent else "wait"
        return "ok"

    @property
    def state_words(self) -> str:
        if self.doubtful:
            return "Some in doubt"
        if self.late:
            return "Past the usual time"
        if self.never_sent:
            return "Some were not sent"
        return "Running" if self.is_running else "All back"

    @property
    def named(self) -> list[Batch]:
        """The few batches that a person may want to open."""
        return [*self.doubtful, *self.late, *self.never_sent][:MOST_NAMED]


@dataclass(frozen=True, slots=True)
class Lanes:
    rows: Sequence[Lane]
    ticks: Sequence[Tick]
    nights: Sequence[tuple[float, float]]
    now: float | None
    now_label: str
    sentence: str


def lanes(batches: Sequence[Batch], now: datetime, night: time, zone: ZoneInfo, shown_zone: ZoneInfo) -> Lanes:
    """One axis for all; those with trouble first, then what runs, what left by day after what left at night."""
    usual = usual_durations({batch.version.task_id for batch in batches if batch.ended_at is None})
    usual_at = {batch.pk: _usual_at(batch, usual) for batch in batches}
    start, end = _span(batches, usual_at, now)
    axis = Axis(start, end, now, shown_zone)
    rows = [_lane(group, usual_at, axis) for group in _groups(batches)]
    shows_now = start <= now <= end
    return Lanes(
        rows=sorted(rows, key=_order),
        ticks=axis.ticks(),
        nights=night_spans(start, end, night, zone, axis),
        now=axis.place(now) if shows_now else None,
        now_label=axis.hour(now),
        sentence=f"Time axis from {axis.hour(start)} to {axis.hour(end)}",
    )


@dataclass(slots=True)
class _Group:
    by_day: bool
    upload: Upload | None
    uploads: int
    batches: list[Batch]
    carried: dict[int, int]


def _groups(batches: Sequence[Batch]) -> list[_Group]:
    """By task, and where a few uploads are all that its batches carry, by upload. One query."""
    of_task: dict[tuple[bool, int], list[Batch]] = {}
    for batch in batches:
        of_task.setdefault((batch.night_id is None, batch.version.task_id), []).append(batch)
    shares: dict[int, list[BatchShare]] = {batch.pk: [] for batch in batches}
    for share in BatchShare.objects.filter(batch__in=shares).select_related("upload") if shares else ():
        shares[share.batch_id].append(share)
    return [group for (by_day, _), found in of_task.items() for group in _groups_of_task(found, shares, by_day=by_day)]


def _groups_of_task(batches: list[Batch], shares: Mapping[int, list[BatchShare]], *, by_day: bool) -> list[_Group]:
    uploads = {share.upload_id: share.upload for batch in batches for share in shares[batch.pk]}
    knows_all = all(sum(s.requests for s in shares[b.pk]) == b.request_total for b in batches)
    if not knows_all or len(uploads) > MOST_UPLOADS:
        return [_Group(by_day, None, len(uploads), batches, {batch.pk: batch.request_total for batch in batches})]
    groups = {pk: _Group(by_day, upload, 1, [], {}) for pk, upload in uploads.items()}
    for batch in batches:
        for share in shares[batch.pk]:
            groups[share.upload_id].batches.append(batch)
            groups[share.upload_id].carried[batch.pk] = share.requests
    return list(groups.values())


def _order(lane: Lane) -> tuple[bool, bool, bool, int, str]:
    name = lane.upload.file_name if lane.upload else lane.task.name
    return (lane.by_day, lane.glyph != "late", not lane.is_running, -lane.requests, name)


def _lane(group: _Group, usual_at: dict[int, datetime | None], axis: Axis) -> Lane:
    batches = group.batches
    created = [batch.created_at for batch in batches if batch.created_at]
    running = [batch for batch in batches if batch.created_at and batch.ended_at is None]
    late = [batch for batch in running if _is_late(batch, usual_at[batch.pk], axis.now)]
    ends = [batch.ended_at for batch in batches if batch.ended_at]
    usual = [at for batch in running if (at := usual_at[batch.pk])]
    knows_usual = len(usual) == len(running) and bool(usual)
    limits = [batch.expires_at for batch in late if batch.expires_at and batch.expires_at > axis.now]
    expiries = [batch.expires_at for batch in running if batch.expires_at]
    first, last = min(created, default=None), axis.now if running else max(ends, default=None)
    return Lane(
        task=batches[0].version.task,
        upload=group.upload,
        uploads=group.uploads,
        batches=batches,
        carried=group.carried,
        by_day=group.by_day,
        bars=_bars(first, last, bool(running), max(usual) if knows_usual else None, axis),
        ticks=[_tick(batch, axis) for batch in batches if batch.ended_at],
        elapsed=last - first if first and last else None,
        usual_at=max(usual) if knows_usual else None,
        latest_at=max(expiries, default=None),
        limit=axis.place(min(limits)) if limits else None,
        limit_label=f"expires {axis.hour(min(limits))}" if limits else "",
        is_late=bool(late),
        late=late,
        sentence=_sentence(batches, first, running, max(usual) if knows_usual else None, axis),
    )


def _tick(batch: Batch, axis: Axis) -> BatchTick:
    assert batch.ended_at
    if batch.state == BatchState.ENDED:
        return BatchTick(axis.place(batch.ended_at), "ing")
    return BatchTick(axis.place(batch.ended_at), "ok" if batch.usable_results == batch.request_total else "part")


def _bars(
    first: datetime | None, last: datetime | None, running: bool, usual_at: datetime | None, axis: Axis
) -> list[TimeBar]:
    """Solid is the time that passed, dashed the way to the usual finish, amber what is past it."""
    if first is None or last is None:
        return []
    start, end = axis.place(first), axis.place(last)
    if not running:
        return [TimeBar("done", start, end)]
    if usual_at is None:
        return [TimeBar("run", start, end)]
    usual = axis.place(usual_at)
    if usual < end:
        return [TimeBar("run", start, usual), TimeBar("late", usual, end)]
    return [TimeBar("typ", end, usual), TimeBar("run", start, end)]


def _span(batches: Sequence[Batch], usual_at: dict[int, datetime | None], now: datetime) -> tuple[datetime, datetime]:
    """Whole hours around everything that is drawn; of an old night only itself."""
    starts = [batch.created_at or batch.built_at for batch in batches]
    start = min(starts, default=now)
    ends = [batch.ended_at for batch in batches if batch.ended_at]
    ends += [at for at in usual_at.values() if at]
    ends += [batch.expires_at for batch in batches if batch.expires_at and _is_late(batch, usual_at[batch.pk], now)]
    if any(batch.state in BatchState.open() for batch in batches) or now - start < timedelta(hours=24):
        ends.append(now + HOUR)
    end = max(ends, default=start) + timedelta(minutes=30)
    start, end = (at.replace(minute=0, second=0, microsecond=0) for at in (start, end))
    return start, max(end + HOUR, start + 6 * HOUR)


def _usual_at(batch: Batch, usual: dict[int, list[tuple[int, timedelta]]]) -> datetime | None:
    if batch.created_at is None or batch.ended_at is not None:
        return None
    took = usual_duration(batch.request_total, usual.get(batch.version.task_id, ()))
    return batch.created_at + took if took is not None else None


def _is_late(batch: Batch, usual_at: datetime | None, now: datetime) -> bool:
    return batch.ended_at is None and usual_at is not None and now > usual_at


def _sentence(
    batches: Sequence[Batch], first: datetime | None, running: Sequence[Batch], usual: datetime | None, axis: Axis
) -> str:
    back = sum(batch.state == BatchState.INGESTED for batch in batches)
    words = [f"{back} of {len(batches)} batches are back."]
    if first:
        words.append(f"Sent from {axis.hour(first)} on.")
    if running:
        words.append(f"Usually done by {axis.hour(usual)}." if usual else "No history to say when it is usually done.")
    return " ".join(words)
