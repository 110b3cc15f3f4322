"""Batches, and one batch with its requests."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from labeling import counts
from labeling.models import Batch, BatchEvent, Document, Request, Result
from labeling.states import BatchState, Outcome

from .excerpts import ERASED, Excerpt, excerpts
from .paging import Page, page_of
from .rail import ENOUGH_FOR_USUAL, usual_duration, usual_durations

EXCERPT = 90
KEPT_BY_THE_API = timedelta(days=29)


@dataclass(frozen=True, slots=True)
class RequestLine:
    request: Request
    result: Result | None
    excerpt: Excerpt
    attempts: int

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
        return self.elapsed is not None and self.elapsed > timedelta(hours=23, minutes=55)


def outcome_parts(batch: Batch) -> list[tuple[str, int, str]]:
    """The API's five counts as parts of a segmented bar."""
    return [
        ("ok", batch.succeeded, "succeeded"),
        ("err", batch.errored, "errored"),
        ("exp", batch.expired, "expired"),
        ("can", batch.canceled, "canceled"),
        ("proc", batch.processing, "processing"),
    ]


def batch_page(*, tab: str, task: str, before: int | None, after: int | None) -> Page[Batch]:
    rows = Batch.objects.select_related("version__task")
    if tab == "open":
        rows = rows.open()
    elif tab == "failures":
        rows = rows.filter(Q(errored__gt=0) | Q(expired__gt=0) | Q(state=BatchState.REJECTED))
    elif tab == "doubt":
        rows = rows.doubtful()
    if task:
        rows = rows.filter(version__task__slug=task)
    return page_of(rows, before=before, after=after, size=40)


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
    tries = dict(Document.objects.filter(pk__in=document_ids).values_list("pk", "attempts"))
    return [
        RequestLine(
            request,
            results.get(request.pk),
            texts.get(request.document_id, ERASED),
            tries.get(request.document_id, 0),
        )
        for request in requests
    ]


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
