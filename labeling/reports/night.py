"""The first page: what last night did, what needs a person, where everything is, what leaves next and when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db.models import Count, Max, OuterRef, Q, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from labeling import nights
from labeling.configuration import Configuration
from labeling.models import (
    Batch,
    DocumentTally,
    Gate,
    Heartbeat,
    LabelingTaskVersion,
    LedgerCheck,
    Night,
    RequestTally,
    SpendTally,
    Upload,
)
from labeling.querysets import BatchQuerySet
from labeling.states import BatchState, DocumentState, Lane, Outcome, UploadState, Way
from labeling.status import QUEUES, SILENT_AFTER
from labeling.troubles import Trouble, troubles

from .failures import Cause, open_causes
from .prices import estimate, usual_list_cost

MOST_BATCHES = 40
RECENT = timedelta(hours=24)
MOST_RECENT = 8


@dataclass(frozen=True, slots=True)
class Balance:
    """Everything that came in is somewhere: accepted = the sum of the states, read in one statement."""

    accepted: int
    waiting: int
    in_flight: int
    labeled: int
    failed: int
    withdrawn: int
    check: LedgerCheck | None

    @property
    def somewhere(self) -> int:
        return self.waiting + self.in_flight + self.labeled + self.failed + self.withdrawn

    @property
    def holds(self) -> bool:
        return self.accepted == self.somewhere and (self.check is None or self.check.holds)

    @property
    def parts(self) -> list[tuple[str, int, str]]:
        return [
            ("ok", self.labeled, "labeled"),
            ("proc", self.in_flight, "in flight"),
            ("wait", self.waiting, "waiting"),
            ("err", self.failed, "failed"),
            ("can", self.withdrawn, "withdrawn"),
        ]


@dataclass(frozen=True, slots=True)
class LastNight:
    """What the batches of one night did; `answered` counts answers, of ended batches only."""

    night: Night | None
    sent: int
    answered: int
    open_batches: int
    last_back: datetime | None
    list_usd: Decimal
    paid_usd: Decimal

    @property
    def saved_usd(self) -> Decimal:
        return self.list_usd - self.paid_usd


@dataclass(frozen=True, slots=True)
class Leaving:
    """Documents of one version that wait to leave one way; prices in USD, None where nobody knows."""

    version: LabelingTaskVersion
    way: Way
    documents: int
    list_usd: Decimal | None
    paid_usd: Decimal | None


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
class Overview:
    today: date
    last: LastNight | None
    balance: Balance
    waiting: dict[Way, int]
    open_requests: dict[Lane, int]
    open_batches: Sequence[Batch]
    ended_batches: Sequence[Batch]
    more_open: int
    causes: Sequence[Cause]
    troubles: Sequence[Trouble]
    unreadable: Sequence[Upload]
    to_confirm: int
    leaving: Sequence[Leaving]
    next_night: date
    next_due: datetime
    gates: Sequence[Gate]
    workers: Sequence[Worker]
    saved: Saved

    @property
    def at_the_api(self) -> list[Batch]:
        states = (BatchState.IN_PROGRESS, BatchState.CANCELING)
        return [batch for batch in self.open_batches if batch.state in states]

    @property
    def paused(self) -> Gate | None:
        return next((gate for gate in self.gates if gate.task_id is None), None)

    @property
    def silent(self) -> list[Worker]:
        return [worker for worker in self.workers if not worker.is_alive]

    @property
    def is_first_run(self) -> bool:
        return not self.balance.accepted

    @property
    def needs(self) -> int:
        """How many things a person can change."""
        return len(self.causes) + len(self.troubles) + len(self.unreadable) + bool(self.to_confirm)

    @property
    def is_active(self) -> bool:
        """Whether something can change within seconds."""
        return bool(self.open_batches or self.open_requests.get(Lane.URGENT) or self.waiting[Way.NOW])

    @property
    def leaving_totals(self) -> tuple[int, Decimal | None, Decimal | None]:
        """Documents, real-time price and price; a sum with an unknown part is unknown."""
        prices = [(row.list_usd, row.paid_usd) for row in self.leaving]
        known = all(list_usd is not None for list_usd, _ in prices)
        return (
            sum(row.documents for row in self.leaving),
            sum((list_usd or Decimal(0) for list_usd, _ in prices), Decimal(0)) if known else None,
            sum((paid_usd or Decimal(0) for _, paid_usd in prices), Decimal(0)) if known else None,
        )


def overview(settings: Configuration, now: datetime) -> Overview:
    """A bounded number of queries, none of which counts documents."""
    open_batches = list(_shown_batches(Batch.objects.open().order_by("-id"))[: MOST_BATCHES + 1])
    ended = _shown_batches(
        Batch.objects.filter(state=BatchState.INGESTED, ingested_at__gte=now - RECENT).order_by("-id")
    )
    waiting = _waiting()
    next_night, next_due = nights.next_due(now, settings.night, settings.zone)
    return Overview(
        today=now.astimezone(settings.zone).date(),
        last=last_night(settings, now),
        balance=balance(),
        waiting={way: sum(n for (_, w), n in waiting.items() if w == way) for way in Way},
        open_requests=_open_requests(),
        open_batches=open_batches[:MOST_BATCHES],
        ended_batches=list(ended[:MOST_RECENT]),
        more_open=max(0, len(open_batches) - MOST_BATCHES),
        causes=open_causes(),
        troubles=troubles(settings, now),
        unreadable=list(Upload.objects.filter(state=UploadState.RECEIVED).exclude(error="").order_by("-id")[:3]),
        to_confirm=Upload.objects.filter(state=UploadState.CHECKED).count(),
        leaving=_leaving(waiting),
        next_night=next_night,
        next_due=next_due,
        gates=list(Gate.objects.filter(closed_at__isnull=False).select_related("task").order_by("task_id")),
        workers=workers(now),
        saved=saved_this_month(settings, now),
    )


def balance() -> Balance:
    """Accepted and the states in one statement, so that they belong to one instant."""
    everything = Upload.objects.order_by().values(one=Value(1)).annotate(n=Sum("accepted")).values("n")
    rows = list(
        DocumentTally.objects.order_by()
        .values("state")
        .annotate(n=Sum("documents"), accepted=Coalesce(Subquery(everything), Value(0)))
    )
    sums = {row["state"]: int(row["n"]) for row in rows}
    return Balance(
        accepted=int(rows[0]["accepted"]) if rows else 0,
        waiting=sums.get(DocumentState.QUEUED, 0),
        in_flight=sums.get(DocumentState.BATCHED, 0),
        labeled=sums.get(DocumentState.LABELED, 0),
        failed=sums.get(DocumentState.FAILED, 0),
        withdrawn=sums.get(DocumentState.WITHDRAWN, 0),
        check=LedgerCheck.objects.order_by("-id").first(),
    )


def last_night(settings: Configuration, now: datetime) -> LastNight | None:
    """The night that left last; without one, what was sent since midnight of the site's day."""
    night = Night.objects.filter(left_at__isnull=False).order_by("-date").first()
    midnight = now.astimezone(settings.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    if night is not None and night.left_at and night.left_at > now - timedelta(days=2):
        return _what_happened(night, Batch.objects.filter(night=night))
    today = _what_happened(None, Batch.objects.filter(created_at__gte=midnight))
    return today if today.sent else None


def _what_happened(night: Night | None, batches: BatchQuerySet) -> LastNight:
    sums = batches.filter(message_batch_id__isnull=False).aggregate(
        sent=Sum("request_total"),
        answered=Sum("succeeded", filter=Q(state=BatchState.INGESTED)),
        open_batches=Count("id", filter=Q(state__in=BatchState.open())),
        last_back=Max("ingested_at"),
        list_usd=Sum("list_usd"),
        paid_usd=Sum("paid_usd"),
    )
    return LastNight(
        night=night,
        sent=sums["sent"] or 0,
        answered=sums["answered"] or 0,
        open_batches=sums["open_batches"],
        last_back=sums["last_back"],
        list_usd=sums["list_usd"] or Decimal(0),
        paid_usd=sums["paid_usd"] or Decimal(0),
    )


def workers(now: datetime) -> list[Worker]:
    """The newest sign of each queue; a queue that never beat is silent."""
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


def _shown_batches(batches: BatchQuerySet) -> BatchQuerySet:
    return batches.select_related("version__task")


def _waiting() -> dict[tuple[int, str], int]:
    """Queued documents by version and way."""
    sums = (
        DocumentTally.objects.filter(state=DocumentState.QUEUED)
        .order_by()
        .values_list("version_id", "way")
        .annotate(n=Sum("documents"))
    )
    return {(version_id, way): int(n) for version_id, way, n in sums if n}


def _leaving(waiting: dict[tuple[int, str], int]) -> list[Leaving]:
    version_ids = {version_id for version_id, _ in waiting}
    versions = LabelingTaskVersion.objects.select_related("task").in_bulk(version_ids)
    usual = usual_list_cost(version_ids)
    rows = [
        Leaving(
            versions[version_id],
            Way(way),
            n,
            estimate(n, usual.get(version_id), Way.URGENT),
            estimate(n, usual.get(version_id), Way(way)),
        )
        for (version_id, way), n in waiting.items()
    ]
    order = list(Way)
    return sorted(rows, key=lambda row: (order.index(row.way), -row.documents))


def _open_requests() -> dict[Lane, int]:
    sums = RequestTally.objects.filter(outcome=Outcome.OPEN).order_by().values_list("lane").annotate(n=Sum("requests"))
    return {Lane(lane): int(n) for lane, n in sums}
