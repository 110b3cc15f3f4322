"""Decisions: one per cause, a labeling task together with the reason why its documents failed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min, Q, Sum, Window
from django.db.models.functions import RowNumber

from labeling.estimating import Estimate, Load
from labeling.models import Document, DocumentTally, LabelingTask, Result
from labeling.querysets import DocumentQuerySet
from labeling.states import DocumentState, FailureReason, Way

from .excerpts import ERASED, Excerpt, excerpts
from .prices import price_book

EXAMPLES = 3
EXCERPT = 140

TITLES = {
    FailureReason.INVALID_REQUEST: "The API refused the request",
    FailureReason.CUT_OFF: "The answer was cut off",
    FailureReason.REFUSED: "The model declined to answer",
    FailureReason.NOT_A_LABEL: "The answer is not one of the labels",
    FailureReason.INVALID_ANSWER: "The answer does not fit the schema",
    FailureReason.CONTEXT_EXCEEDED: "The text is too long for the model",
    FailureReason.MISSING: "No result line came back",
    FailureReason.UNCLEAR: "No clear answer, may have been paid",
    FailureReason.TOO_MANY_ATTEMPTS: "Failed as often as allowed",
    FailureReason.POISON: "It ended its worker and was set aside",
    FailureReason.CONFIGURATION: "The model or the account is not set up for it",
    FailureReason.UNKNOWN_OUTCOME: "The API answered in an unknown way",
}

_PAYS_AGAIN = frozenset({FailureReason.CUT_OFF, FailureReason.NOT_A_LABEL, FailureReason.INVALID_ANSWER})
"""The same request most likely brings the same answer, and it is paid for again."""


@dataclass(frozen=True, slots=True)
class Cause:
    task: LabelingTask
    reason: FailureReason
    documents: int
    load: Load

    @property
    def title(self) -> str:
        return TITLES[self.reason]

    @property
    def glyph(self) -> str:
        return "late" if self.reason in _PAYS_AGAIN or self.reason is FailureReason.UNCLEAR else "err"

    @property
    def key(self) -> str:
        return f"{self.task.slug}--{self.reason}"

    @property
    def need(self) -> str:
        """Its name among what needs a person."""
        return f"decision--{self.key}"


@dataclass(frozen=True, slots=True)
class Example:
    document: Document
    excerpt: Excerpt
    answer: str
    error_type: str


@dataclass(frozen=True, slots=True)
class Decision:
    cause: Cause
    examples: Sequence[Example]
    estimate: Estimate | None
    """With the version in use, which is what is sent again; None without one."""

    @property
    def pays_again(self) -> bool:
        return self.cause.reason in _PAYS_AGAIN

    @property
    def may_have_been_paid(self) -> bool:
        return self.cause.reason in (FailureReason.UNCLEAR, FailureReason.MISSING)


@dataclass(frozen=True, slots=True)
class GoingAgain:
    """What Nightshift sends again by itself after a wait."""

    documents: int
    first_at: datetime | None


def open_causes() -> list[Cause]:
    """The largest first. The failed documents have an index of their own, so this costs what the failures cost."""
    groups = list(
        Document.objects.need_a_person()
        .order_by()
        .values_list("version__task_id", "failure_reason")
        .annotate(
            n=Count("id"),
            to_pay=Count("id", filter=Q(leader=None)),
            size=Sum("encoded_bytes", filter=Q(leader=None), default=0),
        )
    )
    tasks = LabelingTask.objects.in_bulk({task_id for task_id, *_ in groups}) if groups else {}
    causes = [
        Cause(tasks[task_id], FailureReason(reason), n, Load(to_pay, size))
        for task_id, reason, n, to_pay, size in groups
    ]
    return sorted(causes, key=lambda cause: (-cause.documents, cause.task.name, cause.reason))


def decisions() -> list[Decision]:
    causes = open_causes()
    examples = _examples(causes)
    prices = _prices(causes)
    return [Decision(cause, examples[cause.key], prices.get(cause.key)) for cause in causes]


def documents_of(task: LabelingTask, reason: FailureReason) -> DocumentQuerySet:
    """The open failures of one cause."""
    return Document.objects.need_a_person().filter(version__task=task, failure_reason=reason)


def going_again(now: datetime) -> GoingAgain:
    """Queued documents with a time before which they do not go; only those that leave by themselves soon."""
    versions = (
        DocumentTally.objects.filter(state=DocumentState.QUEUED, way__in=(Way.NOW, Way.URGENT))
        .order_by()
        .values("version_id")
        .annotate(n=Sum("documents"))
        .filter(n__gt=0)
        .values_list("version_id", flat=True)
    )
    sums = (
        Document.objects.waiting()
        .filter(version__in=list(versions), way__in=(Way.NOW, Way.URGENT), not_before__gt=now)
        .aggregate(n=Count("id"), at=Min("not_before"))
    )
    return GoingAgain(sums["n"], sums["at"])


def closed_failures(limit: int) -> list[Document]:
    """The newest failures that a person closed."""
    closed = Document.objects.filter(state=DocumentState.FAILED, closed_at__isnull=False)
    return list(closed.select_related("version__task").order_by("-id")[:limit])


def _prices(causes: Sequence[Cause]) -> dict[str, Estimate]:
    """By the key of the cause."""
    in_use = {cause.key: cause.task.version_in_use_id for cause in causes if cause.task.version_in_use_id}
    book = price_book(in_use.values()) if in_use else None
    return {
        cause.key: book.estimate(version_id, cause.load)
        for cause in causes
        if book and (version_id := in_use.get(cause.key)) is not None
    }


def _examples(causes: Sequence[Cause]) -> dict[str, list[Example]]:
    """The newest three of each cause, then everything about them at once."""
    place = Window(RowNumber(), partition_by=("version__task_id", "failure_reason"), order_by="-id")
    newest = (
        Document.objects.need_a_person().select_related("version").annotate(place=place).filter(place__lte=EXAMPLES)
    )
    by_cause: dict[tuple[int, str], list[Document]] = {}
    for document in newest if causes else ():
        by_cause.setdefault((document.version.task_id, document.failure_reason), []).append(document)
    ids = [document.pk for documents in by_cause.values() for document in documents]
    texts = excerpts(ids, EXCERPT)
    last = _last_results(ids)
    return {
        cause.key: [_example(d, texts, last) for d in by_cause.get((cause.task.pk, cause.reason), ())]
        for cause in causes
    }


def _last_results(document_ids: Sequence[int]) -> dict[int, Result]:
    results = Result.objects.filter(request__document__in=document_ids).select_related("request").order_by("request_id")
    return {result.request.document_id: result for result in results}


def _example(document: Document, texts: dict[int, Excerpt], last: dict[int, Result]) -> Example:
    result = last.get(document.leader_id or document.pk)
    return Example(
        document,
        texts.get(document.pk, ERASED),
        result.answer[:EXCERPT] if result else "",
        result.error_type if result else "",
    )
