"""The page of decisions: what is open, what goes again by itself, what was closed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection
from django.db.models import Count, Min, Q, Sum

from labeling.models import BulkAct, Document, LabelingTask, LabelingTaskVersion, Result, Taken
from labeling.money.estimating import Estimate, Load, Span, add_spans
from labeling.states import FailureReason, Way

from .advice import ADVICE, Advice
from .failures import Cause, Example, examples_of, open_causes, prices_of
from .prices import price_book
from .retrying import Retried, retries

MOST_SHOWN = 60
MOST_UNDER_WAY = 5
NIGHTS = 14
CLOSINGS = 30

_BY_NIGHT = """
    WITH night AS (SELECT id, date FROM labeling_night ORDER BY date DESC LIMIT %s)
    SELECT night.date, v.task_id, reason.key, sum(reason.value::bigint)
    FROM night LEFT JOIN labeling_batch b ON b.night_id = night.id
    LEFT JOIN labeling_labelingtaskversion v ON v.id = b.version_id
    LEFT JOIN LATERAL jsonb_each_text(b.not_usable) AS reason ON true
    GROUP BY 1, 2, 3
"""

_CLOSINGS = """
    WITH RECURSIVE closing AS (
        (SELECT closed_at, 1 AS place FROM labeling_document
            WHERE state = 'failed' AND closed_at IS NOT NULL
                AND closed_at < COALESCE(%(before)s, 'infinity'::timestamptz)
            ORDER BY closed_at DESC LIMIT 1)
        UNION ALL
        SELECT earlier.closed_at, closing.place + 1 FROM closing CROSS JOIN LATERAL (
            SELECT closed_at FROM labeling_document
            WHERE state = 'failed' AND closed_at IS NOT NULL AND closed_at < closing.closed_at
            ORDER BY closed_at DESC LIMIT 1
        ) earlier WHERE closing.place < %(most)s
    )
    SELECT d.closed_at, v.task_id, d.failure_reason, min(d.closed_reason), count(*), min(d.id)
    FROM closing JOIN labeling_document d
        ON d.state = 'failed' AND d.closed_at IS NOT NULL AND d.closed_at = closing.closed_at
    JOIN labeling_labelingtaskversion v ON v.id = d.version_id
    GROUP BY 1, 2, 3 ORDER BY 1 DESC, 5 DESC
"""


@dataclass(frozen=True, slots=True)
class Decision:
    """`estimate` is with the version in use; `by_night` has one number per night, the oldest first.

    `retried` is what sending again did for this cause in the last thirty days.
    """

    cause: Cause
    examples: Sequence[Example]
    estimate: Estimate | None
    by_night: Sequence[int]
    retried: Retried | None
    taken: Taken | None

    @property
    def tonight(self) -> Span | None:
        return self.estimate.price(Way.TONIGHT) if self.estimate else None

    @property
    def words(self) -> list[str]:
        """The API's types among the examples."""
        return sorted({example.word for example in self.examples if example.word})


@dataclass(frozen=True, slots=True)
class FailedNight:
    """What failed for good in one night, whatever became of it since."""

    date: date
    requests: int


@dataclass(frozen=True, slots=True)
class Decisions:
    rows: Sequence[Decision]
    more: int
    documents: int
    under_way: Sequence[BulkAct]
    """What a worker is still carrying out."""
    nights: Sequence[FailedNight]
    """The last fourteen, oldest first."""
    retried: Sequence[Retried]
    """What sending again did, by cause."""
    last_missed_at: datetime | None
    """When a try last brought no usable label; asked for only where nothing is open."""

    @property
    def count(self) -> int:
        return len(self.rows) + self.more

    @property
    def safe(self) -> list[Decision]:
        """What may go again as it is."""
        return [row for row in self.rows if row.cause.advice.is_safe]

    @property
    def safe_documents(self) -> int:
        return sum(row.cause.documents for row in self.safe)

    @property
    def safe_price(self) -> Span | None:
        spans = [row.tonight for row in self.safe]
        return add_spans(span for span in spans if span) if all(spans) else None


@dataclass(frozen=True, slots=True)
class GoingAgain:
    """Documents of one task that Nightshift sends again by itself after a wait."""

    task: LabelingTask
    documents: int
    first_at: datetime
    price: Span


@dataclass(frozen=True, slots=True)
class AllGoingAgain:
    rows: Sequence[GoingAgain]

    @property
    def documents(self) -> int:
        return sum(row.documents for row in self.rows)

    @property
    def first_at(self) -> datetime | None:
        return min((row.first_at for row in self.rows), default=None)

    @property
    def price(self) -> Span:
        return add_spans(row.price for row in self.rows)


@dataclass(frozen=True, slots=True)
class Closing:
    """One act of closing: the documents that left the list together."""

    at: datetime
    task: LabelingTask
    reason: FailureReason
    why: str
    documents: int
    first_id: int

    @property
    def advice(self) -> Advice:
        return ADVICE[self.reason]


@dataclass(frozen=True, slots=True)
class Closings:
    rows: Sequence[Closing]
    older: datetime | None


def decisions(now: datetime) -> Decisions:
    """A fixed number of queries; the small causes beyond the first sixty are counted and not drawn."""
    causes = open_causes()
    shown = causes[:MOST_SHOWN]
    examples, prices, (dates, by_night) = examples_of(shown), prices_of(shown), _by_night()
    tried = retries(now)
    taken = {row.key: row for row in Taken.objects.filter(key__in=[cause.need for cause in shown])} if shown else {}
    return Decisions(
        rows=[
            Decision(
                cause,
                examples.get(cause.key, []),
                prices.get(cause.key),
                by_night.get((cause.task.pk, str(cause.reason)), ()),
                tried.of(cause.task.pk, cause.reason),
                taken.get(cause.need),
            )
            for cause in shown
        ],
        more=len(causes) - len(shown),
        documents=sum(cause.documents for cause in causes),
        under_way=list(BulkAct.objects.filter(finished_at=None).select_related("selection")[:MOST_UNDER_WAY]),
        nights=[
            FailedNight(day, sum(numbers[place] for numbers in by_night.values())) for place, day in enumerate(dates)
        ],
        retried=tried.by_cause,
        last_missed_at=None if shown else _last_missed_at(),
    )


def going_again(now: datetime) -> AllGoingAgain:
    """By task, the soonest first; their own index has only what waits for a time."""
    groups = list(
        Document.objects.go_again(now)
        .order_by()
        .values_list("version_id", "way")
        .annotate(
            n=Count("id"),
            to_pay=Count("id", filter=Q(leader=None)),
            size=Sum("encoded_bytes", filter=Q(leader=None), default=0),
            at=Min("not_before"),
        )
    )
    if not groups:
        return AllGoingAgain([])
    version_ids = {version_id for version_id, *_ in groups}
    versions = LabelingTaskVersion.objects.select_related("task").in_bulk(version_ids)
    book = price_book(version_ids, versions)
    found: dict[int, GoingAgain] = {}
    for version_id, way, n, to_pay, size, at in groups:
        task = versions[version_id].task
        price = book.estimate(version_id, Load(to_pay, size)).price(Way(way))
        if (other := found.get(task.pk)) is not None:
            n, at, price = n + other.documents, min(at, other.first_at), add_spans([price, other.price])
        found[task.pk] = GoingAgain(task, n, at, price)
    return AllGoingAgain(sorted(found.values(), key=lambda row: (row.first_at, row.task.name)))


def closings(before: datetime | None) -> Closings:
    """The newest acts of closing, or those before one; by hopping from one time to the next."""
    with connection.cursor() as cursor:
        cursor.execute(_CLOSINGS, {"before": before, "most": CLOSINGS + 1})
        rows = cursor.fetchall()
    times = sorted({row[0] for row in rows}, reverse=True)[:CLOSINGS]
    tasks = LabelingTask.objects.in_bulk({row[1] for row in rows})
    shown = [
        Closing(at, tasks[task_id], FailureReason(reason), why, n, first_id)
        for at, task_id, reason, why, n, first_id in rows
        if at in times
    ]
    return Closings(shown, times[-1] if len({row[0] for row in rows}) > CLOSINGS else None)


def _last_missed_at() -> datetime | None:
    newest = Result.objects.filter(usable=False).order_by("-created_at").values_list("created_at", flat=True)
    return newest.first()


def _by_night() -> tuple[list[date], dict[tuple[int, str], list[int]]]:
    """The last nights, and how often each cause came in them: new, or there all the time."""
    with connection.cursor() as cursor:
        cursor.execute(_BY_NIGHT, [NIGHTS])
        rows = cursor.fetchall()
    dates = sorted({row[0] for row in rows})
    found: dict[tuple[int, str], dict[date, int]] = {}
    for day, task_id, reason, n in rows:
        if reason in set(FailureReason):
            found.setdefault((task_id, reason), {})[day] = int(n)
    return dates, {key: [numbers.get(day, 0) for day in dates] for key, numbers in found.items()}
