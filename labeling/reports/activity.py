"""Who did what, when: the acts of people, commands and workers, and every move of a batch, in one line of time.

Two tables that are only ever added to, read side by side, newest first. A page goes on after the last id of
each, so nothing is counted or skipped over.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet

from labeling.models import Activity, BatchEvent

PAGE = 50
CHUNK = 2_000
PEOPLE, WORKERS = "people", "workers"
ACTS, MOVES = "acts", "moves"
WHO = {"": "People and workers", PEOPLE: "People", WORKERS: "Workers and commands"}
KINDS = {"": "Everything", ACTS: "Acts", MOVES: "Moves of batches"}


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for; blank means any. The days are those of the reader's zone, both included."""

    who: str = ""
    kind: str = ""
    what: str = ""
    subject: str = ""
    since: date | None = None
    until: date | None = None

    @property
    def is_empty(self) -> bool:
        return self == Filters()


@dataclass(frozen=True, slots=True)
class Change:
    """What something was and what it became; `name` is empty where there is only one thing."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Line:
    at: datetime
    by: str
    is_person: bool
    sentence: str
    subject: str
    changes: Sequence[Change]
    is_move: bool
    pk: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page goes on: older than these ids."""

    act: int
    move: int

    def __str__(self) -> str:
        return f"{self.act}-{self.move}"


@dataclass(frozen=True, slots=True)
class ActivityPage:
    lines: Sequence[Line]
    older: Place | None


def activity_page(filters: Filters, zone: ZoneInfo, before: Place | None) -> ActivityPage:
    """Two queries."""
    acts, moves = _acts(filters, zone), _moves(filters, zone)
    if before:
        acts, moves = acts.filter(pk__lt=before.act), moves.filter(pk__lt=before.move)
    both = (map(_act, acts.order_by("-pk")[: PAGE + 1]), map(_move, moves.order_by("-pk")[: PAGE + 1]))
    found = list(_merged(*both))
    shown = found[:PAGE]
    return ActivityPage(shown, _after(shown, before) if len(found) > PAGE else None)


def all_lines(filters: Filters, zone: ZoneInfo) -> Iterator[Line]:
    """Every line that matches, newest first, in constant memory."""
    acts, moves = _acts(filters, zone).order_by("-pk"), _moves(filters, zone).order_by("-pk")
    return _merged(map(_act, acts.iterator(CHUNK)), map(_move, moves.iterator(CHUNK)))


def place_of(text: str | None) -> Place | None:
    """A place out of an address; None for anything that is none."""
    act, _, move = (text or "").partition("-")
    is_place = all(word.isascii() and word.isdecimal() and len(word) < 19 for word in (act, move))
    return Place(int(act), int(move)) if is_place else None


def _merged(acts: Iterable[Line], moves: Iterable[Line]) -> Iterator[Line]:
    """By time; within a table in the order of its ids, so that a page can go on after an id and misses nothing."""
    return heapq.merge(acts, moves, key=lambda line: line.at, reverse=True)


def _after(shown: Sequence[Line], before: Place | None) -> Place:
    """A kind of which nothing is on the page stays where it was."""
    acts = [line.pk for line in shown if not line.is_move]
    moves = [line.pk for line in shown if line.is_move]
    highest = 2**63 - 1
    return Place(
        min(acts, default=before.act if before else highest), min(moves, default=before.move if before else highest)
    )


def _acts(filters: Filters, zone: ZoneInfo) -> QuerySet[Activity]:
    rows = _within(Activity.objects.all(), filters, zone)
    if filters.kind == MOVES:
        return rows.none()
    if filters.who in (PEOPLE, WORKERS):
        rows = rows.filter(user__isnull=filters.who == WORKERS)
    elif filters.who:
        rows = rows.filter(by=filters.who)
    if filters.subject:
        rows = rows.filter(subject=filters.subject)
    return rows.filter(sentence__icontains=filters.what) if filters.what else rows


def _moves(filters: Filters, zone: ZoneInfo) -> QuerySet[BatchEvent]:
    rows = _within(BatchEvent.objects.all(), filters, zone)
    batch_id = _batch_id(filters.subject)
    if filters.kind == ACTS or filters.who == PEOPLE or (filters.subject and batch_id is None):
        return rows.none()
    if filters.who and filters.who != WORKERS:
        rows = rows.filter(by=filters.who)
    if batch_id is not None:
        rows = rows.filter(batch=batch_id)
    if filters.what:
        rows = rows.filter(Q(why__icontains=filters.what) | Q(new__icontains=filters.what))
    return rows


def _within(rows: QuerySet[Any], filters: Filters, zone: ZoneInfo) -> QuerySet[Any]:
    if filters.since:
        rows = rows.filter(at__gte=datetime.combine(filters.since, time(), zone))
    if filters.until and filters.until < date.max:
        rows = rows.filter(at__lt=datetime.combine(filters.until + timedelta(days=1), time(), zone))
    return rows


def _batch_id(subject: str) -> int | None:
    number = subject.removeprefix("B-")
    is_batch = subject.startswith("B-") and number.isascii() and number.isdecimal() and len(number) < 19
    return int(number) if is_batch else None


def _act(row: Activity) -> Line:
    changes = _changes(row.detail)
    return Line(row.at, row.by, row.user_id is not None, row.sentence, row.subject, changes, False, row.pk)


def _move(event: BatchEvent) -> Line:
    words = event.new.replace("_", " ")
    sentence = f"{words}: {event.why}" if event.why else words
    change = Change("", event.old.replace("_", " ") or "–", words)
    return Line(event.at, event.by, False, sentence, f"B-{event.batch_id}", [change], True, event.pk)


def _changes(detail: Any) -> list[Change]:
    """`before` and `after`, as words or by name; or a pair for each name."""
    if not isinstance(detail, Mapping):
        return []
    if "before" in detail or "after" in detail:
        return _sides(detail.get("before"), detail.get("after"))
    pairs = {name: value for name, value in detail.items() if isinstance(value, list) and len(value) == 2}
    return [Change(name, _words(old), _words(new)) for name, (old, new) in pairs.items() if name != "documents"]


def _sides(before: Any, after: Any) -> list[Change]:
    if not isinstance(before, Mapping) and not isinstance(after, Mapping):
        return [Change("", _words(before), _words(after))]
    old, new = (side if isinstance(side, Mapping) else {} for side in (before, after))
    names = [*old, *(name for name in new if name not in old)]
    changed = [name for name in names if old.get(name) != new.get(name)]
    return [Change(name, _words(old.get(name)), _words(new.get(name))) for name in changed]


def _words(value: Any) -> str:
    return "–" if value in (None, "") else str(value)
