"""Batches, and one batch with its requests."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, F, Q

from labeling import counts
from labeling.models import Batch, BatchEvent, Document, Request, Result
from labeling.money.estimating import Estimate, Load
from labeling.querysets import BatchQuerySet
from labeling.states import BatchState, DocumentState, Outcome

from .excerpts import ERASED, Excerpt, excerpts
from .paging import WORDING, Page, an_id, page_of
from .prices import price_book
from .rail import ENOUGH_FOR_USUAL, LIMIT, usual_duration, usual_durations

EXCERPT = 90
KEPT_BY_THE_API = timedelta(days=29)
NEARLY_THE_LIMIT = LIMIT - timedelta(minutes=5)
EARLIER = 5
"""Ended batches of the same task that stand beside one that is under way."""

TABS = {
    "all": ("All", Q()),
    "open": ("Open", Q(state__in=BatchState.open())),
    "failures": ("Not all succeeded", Q(errored__gt=0) | Q(expired__gt=0) | Q(state=BatchState.REJECTED)),
    "canceled": ("Canceled", Q(canceled__gt=0) | Q(cancel_requested_at__isnull=False)),
    "doubt": ("In doubt", Q(state=BatchState.UNKNOWN)),
}


@dataclass(frozen=True, slots=True)
class RequestLine:
    request: Request
    result: Result | None
    excerpt: Excerpt
    attempts: int
    needs_a_person: bool
    """Its document failed, and nobody sent it again or closed it since."""

    @property
    def message(self) -> str:
        """What came back, in few words."""
        if self.result is None:
            return ""
        return self.result.error_type or self.result.answer[:EXCERPT] or self.result.stop_reason


@dataclass(frozen=True, slots=True)
class Step:
    """One station of the timeline; `kind` is done, now or todo."""

    name: str
    at: datetime | None
    kind: str
    took: timedelta | None
    words: str = ""


@dataclass(frozen=True, slots=True)
class BatchView:
    batch: Batch
    outcomes: dict[Outcome, int]
    events: Sequence[BatchEvent]
    steps: Sequence[Step]
    usual: timedelta | None
    strays: int

    @property
    def is_open(self) -> bool:
        return self.batch.state in BatchState.open()

    @property
    def elapsed(self) -> timedelta | None:
        batch = self.batch
        return batch.ended_at - batch.created_at if batch.ended_at and batch.created_at else None

    @property
    def kept_until(self) -> datetime | None:
        return self.batch.created_at + KEPT_BY_THE_API if self.batch.created_at else None

    @property
    def parts(self) -> list[tuple[str, int, str]]:
        return outcome_parts(self.batch)

    @property
    def hit_the_limit(self) -> bool:
        return self.elapsed is not None and self.elapsed > NEARLY_THE_LIMIT


def outcome_parts(batch: Batch) -> list[tuple[str, int, str]]:
    """The API's five counts as parts of a segmented bar."""
    return [
        ("ok", batch.succeeded, "succeeded"),
        ("err", batch.errored, "errored"),
        ("exp", batch.expired, "expired"),
        ("can", batch.canceled, "canceled"),
        ("proc", batch.processing, "processing"),
    ]


@dataclass(frozen=True, slots=True)
class Filters:
    """What the list of batches is narrowed to; everything empty shows all."""

    tab: str = "all"
    q: str = ""
    task: str = ""
    model: str = ""

    @property
    def is_empty(self) -> bool:
        return self == Filters()


def narrowed(filters: Filters) -> BatchQuerySet:
    """The batches that the filters leave, whatever the tab."""
    rows = Batch.objects.select_related("version__task").defer(*WORDING)
    if filters.task:
        rows = rows.filter(version__task__slug=filters.task)
    if filters.model:
        rows = rows.filter(version__model=filters.model)
    if filters.q:
        number = an_id(filters.q.upper().removeprefix("B-"))
        rows = rows.filter(Q(pk=number) if number is not None else Q(message_batch_id__startswith=filters.q))
    return rows


def batch_page(filters: Filters, *, before: int | None, after: int | None) -> Page[Batch]:
    return page_of(narrowed(filters).filter(TABS[filters.tab][1]), before=before, after=after, size=40)


def tab_counts(filters: Filters) -> list[tuple[str, str, int]]:
    """Name, words and number of batches of each tab under the same filters; there are hundreds of batches, not more."""
    found = (
        narrowed(filters)
        .order_by()
        .aggregate(**{name: Count("pk", filter=where) if where else Count("pk") for name, (_, where) in TABS.items()})
    )
    return [(name, words, found[name]) for name, (words, _) in TABS.items()]


def batch_view(batch: Batch, now: datetime) -> BatchView:
    ended = usual_durations([batch.version.task_id]).get(batch.version.task_id, [])
    usual = usual_duration(batch.request_total, ended) if len(ended) >= ENOUGH_FOR_USUAL else None
    return BatchView(
        batch=batch,
        outcomes=counts.requests_by_outcome(batch.pk),
        events=list(batch.events.order_by("id")[:200]),
        steps=_steps(batch, now),
        usual=usual,
        strays=batch.stray_lines.count(),
    )


def request_page(
    batch: Batch, *, outcome: str = "", before: int | None = None, after: int | None = None
) -> Page[Request]:
    """Requests of a batch, the last ones first; only those with an outcome where one is named."""
    rows = Request.objects.filter(batch=batch)
    if outcome in set(Outcome):
        rows = rows.filter(outcome=outcome)
    return page_of(rows, before=before, after=after)


def request_lines(requests: Sequence[Request]) -> list[RequestLine]:
    """What belongs to a page of requests, each kind in one query."""
    results = Result.objects.in_bulk([request.pk for request in requests])
    document_ids = [request.document_id for request in requests]
    texts = excerpts(document_ids, EXCERPT)
    documents = Document.objects.only("attempts", "state", "closed_at").in_bulk(document_ids)
    return [
        RequestLine(
            request,
            results.get(request.pk),
            texts.get(request.document_id, ERASED),
            documents[request.document_id].attempts if request.document_id in documents else 0,
            _needs_a_person(documents.get(request.document_id)),
        )
        for request in requests
    ]


def _needs_a_person(document: Document | None) -> bool:
    return document is not None and document.state == DocumentState.FAILED and document.closed_at is None


def in_flight_estimate(batch: Batch) -> Estimate:
    """About what it costs if all of it is answered."""
    prices = price_book([batch.version_id])
    frames = batch.request_total * prices.terms[batch.version_id].frame_bytes
    return prices.estimate(batch.version_id, Load(batch.request_total, max(0, batch.body_bytes - frames)))


def earlier_batches(batch: Batch) -> Sequence[Batch]:
    """The newest ended batches of the same task."""
    ended = Batch.objects.filter(
        version__task=batch.version.task_id, state=BatchState.INGESTED, created_at__isnull=False
    )
    return list(ended.exclude(pk=batch.pk).order_by("-pk")[:EARLIER])


def others_at_the_limit(batch: Batch) -> Sequence[Batch]:
    """Other batches of the task that used their 24 hours too."""
    ended = Batch.objects.filter(version__task=batch.version.task_id, ended_at__gt=F("created_at") + NEARLY_THE_LIMIT)
    return list(ended.exclude(pk=batch.pk).order_by("-pk")[:3])


_ENDINGS = {
    BatchState.REJECTED: "Refused by the API",
    BatchState.ABSENT: "Never accepted",
    BatchState.UNKNOWN: "In doubt",
}


def _steps(batch: Batch, now: datetime) -> list[Step]:
    """Built, submitted, in progress, ended, results read; what is ahead has no time yet."""
    if batch.state in _ENDINGS:
        last = Step(_ENDINGS[BatchState(batch.state)], batch.doubt_since, "now", None)
        return [
            Step("Built", batch.built_at, "done", _between(batch.built_at, batch.claimed_at)),
            Step("Submitted", batch.claimed_at, "done" if batch.claimed_at else "todo", None),
            last,
        ]
    times = (
        ("Built", batch.built_at),
        ("Submitted", batch.claimed_at),
        ("In progress", batch.created_at),
        ("Ended", batch.ended_at),
        ("Results read", batch.ingested_at),
    )
    steps = []
    for place, (name, at) in enumerate(times):
        following = times[place + 1][1] if place + 1 < len(times) else None
        is_last_reached = at is not None and following is None and place + 1 < len(times)
        kind = "todo" if at is None else "now" if is_last_reached else "done"
        words = "at the latest" if name == "Ended" and at is None and batch.expires_at else ""
        shown_at = batch.expires_at if words else at
        took = _between(at, following) if following else (_between(at, now) if is_last_reached else None)
        steps.append(Step(name, shown_at, kind, took, words))
    return steps


def _between(start: datetime | None, end: datetime | None) -> timedelta | None:
    return end - start if start and end else None
