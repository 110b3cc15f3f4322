"""A night: what it sent, what came of it, what it cost; the first page is the night that was due last.

A night's sheet reaches from its hour to the hour of the next one. What left with it are the batches that
belong to it; beside them stand the batches that left by day in between.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from statistics import median

from django.db.models import F, OuterRef, Q, Subquery, Sum

from labeling import nights
from labeling.configuration import Configuration
from labeling.glance import Glance
from labeling.health.heartbeat import QUEUES, SILENT_AFTER
from labeling.health.troubles import Trouble, look_around
from labeling.models import Batch, Gate, Heartbeat, Night, RequestTally, SpendTally
from labeling.states import BatchState, Lane, Outcome

from .balance import Balance, balance
from .first_run import FirstRun, first_run
from .leaving import LeavingNext, leaving_next
from .needs import Need, Needs, needs
from .paging import WORDING

NEVER_SENT = (BatchState.REJECTED, BatchState.ABSENT)
TREND_NIGHTS = 14
LEAST_NIGHTS = 3
HALF_A_DAY = timedelta(hours=12)
_BIG_COLUMNS = ("body_sha256", "create_request_id", "newest_known_id", "note")


@dataclass(frozen=True, slots=True)
class Done:
    """What came of some batches. Counts are requests, and only of batches whose results are stored."""

    batches: Sequence[Batch]

    @property
    def sent(self) -> int:
        """Requests that the API has or had."""
        return sum(batch.request_total for batch in self._with_id)

    @property
    def to_send(self) -> int:
        waits = (BatchState.BUILDING, BatchState.SUBMITTING)
        return sum(batch.request_total for batch in self.batches if batch.state in waits)

    @property
    def doubtful(self) -> list[Batch]:
        return [batch for batch in self.batches if batch.state == BatchState.UNKNOWN]

    @property
    def in_doubt(self) -> int:
        return sum(batch.request_total for batch in self.doubtful)

    @property
    def back(self) -> list[Batch]:
        return [batch for batch in self.batches if batch.state == BatchState.INGESTED]

    @property
    def answered(self) -> int:
        return sum(batch.request_total for batch in self.back)

    @property
    def labeled(self) -> int:
        return sum(batch.usable_results for batch in self.back)

    @property
    def not_labeled(self) -> Counter[str]:
        """By failure reason, else by the outcome, as the batches brought it."""
        return sum((Counter(batch.not_usable) for batch in self.back), Counter())

    @property
    def not_labeled_total(self) -> int:
        return self.answered - self.labeled

    @property
    def parts(self) -> list[tuple[str, int, str]]:
        return [
            ("ok", self.labeled, "labeled"),
            ("err", self.not_labeled_total, "not labeled"),
            ("proc", self.in_flight, "in flight"),
        ]

    @property
    def open_batches(self) -> list[Batch]:
        return [batch for batch in self.batches if batch.state in BatchState.open()]

    @property
    def wanted(self) -> list[Batch]:
        return [batch for batch in self.batches if batch.state not in NEVER_SENT]

    @property
    def last_back(self) -> datetime | None:
        return max((batch.ingested_at for batch in self.back if batch.ingested_at), default=None)

    @property
    def list_usd(self) -> Decimal:
        return sum((batch.list_usd for batch in self.back), Decimal(0))

    @property
    def paid_usd(self) -> Decimal:
        return sum((batch.paid_usd for batch in self.back), Decimal(0))

    @property
    def saved_usd(self) -> Decimal:
        return self.list_usd - self.paid_usd

    @property
    def unpriced(self) -> int:
        return sum(batch.unpriced_results for batch in self.back)

    @property
    def in_flight(self) -> int:
        return self.sent - self.answered

    @property
    def _with_id(self) -> list[Batch]:
        return [batch for batch in self.batches if batch.message_batch_id is not None]


@dataclass(frozen=True, slots=True)
class Worker:
    queue: str
    beaten_at: datetime | None
    doing: str
    is_alive: bool


@dataclass(frozen=True, slots=True)
class Saved:
    """Of the running month in the site's zone."""

    list_usd: Decimal
    paid_usd: Decimal
    unpriced: int

    @property
    def saved_usd(self) -> Decimal:
        return self.list_usd - self.paid_usd


@dataclass(frozen=True, slots=True)
class TrendNight:
    date: date
    labeled: int
    saved_usd: Decimal


@dataclass(frozen=True, slots=True)
class UrgentLine:
    """What the real-time calls of one day brought for one task."""

    task: str
    answers: int
    usable: int
    paid_usd: Decimal
    unpriced: int


@dataclass(frozen=True, slots=True)
class Urgent:
    """The real-time calls of the day that most of a sheet lies in. A day of money, so each is on one sheet only."""

    day: date
    lines: Sequence[UrgentLine]

    @property
    def answers(self) -> int:
        return sum(line.answers for line in self.lines)

    @property
    def usable(self) -> int:
        return sum(line.usable for line in self.lines)

    @property
    def paid_usd(self) -> Decimal:
        return sum((line.paid_usd for line in self.lines), Decimal(0))

    @property
    def unpriced(self) -> int:
        return sum(line.unpriced for line in self.lines)


@dataclass(frozen=True, slots=True)
class Sheet:
    """One night with its neighbors. `night` is None only before the first one was due."""

    night: Night | None
    date: date
    starts_at: datetime
    ends_at: datetime
    batches: Sequence[Batch]
    earlier: Night | None
    later: Night | None
    is_current: bool
    urgent: Urgent

    @property
    def at_night(self) -> Done:
        return Done([batch for batch in self.batches if batch.night_id is not None])

    @property
    def by_day(self) -> Done:
        return Done([batch for batch in self.batches if batch.night_id is None])

    @property
    def all(self) -> Done:
        return Done(self.batches)


@dataclass(frozen=True, slots=True)
class House:
    """What is true now, whatever night it is: shown on the sheet of the running night only."""

    balance: Balance
    needs: Needs
    leaving: LeavingNext
    today: date
    next_due: datetime
    seen: Glance
    gates: Sequence[Gate]
    workers: Sequence[Worker]
    saved: Saved
    trend: Sequence[TrendNight]
    open_requests: dict[Lane, int]
    open_batches: int
    first_run: FirstRun | None
    """The way to the first labels, until there are some."""

    @property
    def paused(self) -> Gate | None:
        return next((gate for gate in self.gates if gate.task_id is None), None)

    @property
    def silent(self) -> list[Worker]:
        return [worker for worker in self.workers if not worker.is_alive]

    @property
    def queues(self) -> list[tuple[Worker, Need | None]]:
        """Each queue; a silent one needs a person."""
        return [(worker, self.needs.find(f"silent_workers--queue:{worker.queue}")) for worker in self.workers]

    @property
    def stopped(self) -> Trouble | None:
        """Schedules that stand still although workers live."""
        need = self.needs.find("stopped_schedules--house")
        return need.trouble if need else None

    @property
    def usually_labeled(self) -> int | None:
        """The middle one of the earlier nights that labeled something; None where they are too few to say."""
        earlier = [night.labeled for night in self.trend[:-1] if night.labeled]
        return round(median(earlier)) if len(earlier) >= LEAST_NIGHTS else None

    @property
    def is_empty(self) -> bool:
        """Nothing ever came in."""
        return not self.balance.accepted

    @property
    def is_active(self) -> bool:
        """Whether something can change within seconds."""
        return bool(self.open_batches or self.open_requests.get(Lane.URGENT) or self.leaving.now or self.leaving.orders)


def current_night(settings: Configuration, now: datetime) -> Night | None:
    """The night that was due last."""
    return Night.objects.filter(due_at__lte=now).order_by("-date").first()


def sheet(night: Night | None, settings: Configuration, now: datetime) -> Sheet:
    """Five queries, however many batches and documents the night had."""
    later = Night.objects.filter(date__gt=night.date, due_at__lte=now).order_by("date").first() if night else None
    earlier = Night.objects.filter(date__lt=night.date).order_by("-date").first() if night else None
    day, due = (night.date, night.due_at) if night else nights.latest_due(now, settings.night, settings.zone)
    ends_at = later.due_at if later else nights.next_due(max(now, due), settings.night, settings.zone)[1]
    by_day = Q(night=None, built_at__gte=due, built_at__lt=ends_at)
    batches = Batch.objects.filter(Q(night=night) | by_day if night else by_day)
    return Sheet(
        night=night,
        date=day,
        starts_at=due,
        ends_at=ends_at,
        batches=list(batches.select_related("version__task").defer(*_BIG_COLUMNS, *WORDING).order_by("id")),
        earlier=earlier,
        later=later,
        is_current=later is None,
        urgent=urgent_of((due + HALF_A_DAY).astimezone(settings.zone).date()),
    )


def urgent_of(day: date) -> Urgent:
    """The dearest task first; out of the tallies, so it counts no call."""
    rows = (
        SpendTally.objects.filter(day=day, lane=Lane.URGENT)
        .order_by()
        .values_list("version__task__name")
        .annotate(Sum("results"), Sum("usable"), usd=Sum("paid_usd"), no_price=Sum("unpriced"))
        .order_by("-usd", "version__task__name")
    )
    return Urgent(day, [UrgentLine(*row) for row in rows])


def house(settings: Configuration, now: datetime) -> House:
    """A bounded number of queries, none of which counts documents."""
    _, next_due = nights.next_due(now, settings.night, settings.zone)
    facts = look_around(settings, now)
    everything = balance(facts.check)
    return House(
        balance=everything,
        first_run=first_run(everything),
        needs=needs(settings, now, facts),
        leaving=leaving_next(facts.seen),
        today=now.astimezone(settings.zone).date(),
        next_due=next_due,
        seen=facts.seen,
        gates=facts.gates,
        workers=workers(now),
        saved=saved_this_month(settings, now),
        trend=trend(),
        open_requests=_open_requests(),
        open_batches=len(facts.open_batches),
    )


def trend() -> list[TrendNight]:
    """The last fourteen nights that were due, oldest first."""
    newest = Night.objects.order_by("-date").values("pk")[:TREND_NIGHTS]
    rows = (
        Night.objects.filter(pk__in=newest)
        .order_by("date")
        .values_list("date")
        .annotate(labeled=Sum("batches__usable_results"), saved=Sum(F("batches__list_usd") - F("batches__paid_usd")))
    )
    return [TrendNight(day, labeled or 0, saved or Decimal(0)) for day, labeled, saved in rows]


def workers(now: datetime) -> list[Worker]:
    """The newest sign of each queue, silent ones first; a queue that never beat is silent."""
    newest = Heartbeat.objects.filter(queue=OuterRef("queue")).order_by("-beaten_at").values("pk")[:1]
    beats = {beat.queue: beat for beat in Heartbeat.objects.filter(pk=Subquery(newest))}
    found = []
    for queue in QUEUES:
        beat = beats.get(queue)
        alive = beat is not None and now - beat.beaten_at < SILENT_AFTER
        found.append(Worker(queue, beat.beaten_at if beat else None, beat.doing if beat else "", alive))
    return sorted(found, key=lambda worker: worker.is_alive)


def saved_this_month(settings: Configuration, now: datetime) -> Saved:
    first = now.astimezone(settings.zone).date().replace(day=1)
    sums = SpendTally.objects.filter(day__gte=first).aggregate(
        list_usd=Sum("list_usd"), paid_usd=Sum("paid_usd"), unpriced=Sum("unpriced")
    )
    return Saved(sums["list_usd"] or Decimal(0), sums["paid_usd"] or Decimal(0), int(sums["unpriced"] or 0))


def _open_requests() -> dict[Lane, int]:
    sums = RequestTally.objects.filter(outcome=Outcome.OPEN).order_by().values_list("lane").annotate(n=Sum("requests"))
    return {Lane(lane): int(n) for lane, n in sums}
