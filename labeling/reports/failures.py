"""Open failures by cause: a labeling task together with the reason why its documents failed. A cause is a decision."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.models import Sum

from labeling.models import Document, FailureTally, LabelingTask, LabelingTaskVersion, Request, Result
from labeling.money.estimating import Estimate, Load
from labeling.querysets import DocumentQuerySet
from labeling.states import FailureReason

from .advice import ADVICE, Advice
from .excerpts import ERASED, Excerpt, excerpts
from .prices import price_book

EXAMPLES = 3
EXCERPT = 140

_NEWEST_OF_EACH = """
    SELECT newest.id FROM unnest(%s::bigint[], %s::text[]) AS cause(version_id, reason)
    CROSS JOIN LATERAL (
        SELECT id FROM labeling_document d
        WHERE d.version_id = cause.version_id AND d.failure_reason = cause.reason AND d.state = 'failed'
            AND d.closed_at IS NULL AND d.upload_id NOT IN (SELECT id FROM labeling_upload WHERE kind <> 'file')
        ORDER BY id DESC LIMIT %s
    ) newest
"""


@dataclass(frozen=True, slots=True)
class Cause:
    """`versions` are those under which its documents failed, the newest last."""

    task: LabelingTask
    reason: FailureReason
    documents: int
    load: Load
    versions: Sequence[int]

    @property
    def advice(self) -> Advice:
        return ADVICE[self.reason]

    @property
    def title(self) -> str:
        return self.advice.title

    @property
    def glyph(self) -> str:
        return self.advice.glyph

    @property
    def key(self) -> str:
        return f"{self.task.slug}--{self.reason}"

    @property
    def need(self) -> str:
        """Its name among what needs a person."""
        return f"decision--{self.key}"


@dataclass(frozen=True, slots=True)
class Example:
    """A failed document with what came back for it last: the API's word, and the answer or message."""

    document: Document
    excerpt: Excerpt
    request: Request | None
    result: Result | None

    @property
    def word(self) -> str:
        """The API's type: of an error its type, of an answer its stop reason where that says something."""
        if self.result is None:
            return self.request.outcome if self.request else ""
        if self.result.error_type:
            return self.result.error_type
        return self.result.stop_reason if self.result.stop_reason not in ("", "end_turn") else ""

    @property
    def said(self) -> str:
        return self.result.answer[:EXCERPT] if self.result else ""


def open_causes() -> list[Cause]:
    """The most documents first; from the counters, so it reads no document."""
    groups = list(
        FailureTally.objects.order_by()
        .values_list("version_id", "failure_reason")
        .annotate(n=Sum("documents"), to_pay=Sum("leaders"), size=Sum("leader_bytes"))
        .filter(n__gt=0)
    )
    versions = LabelingTaskVersion.objects.select_related("task").in_bulk({pk for pk, *_ in groups}) if groups else {}
    found: dict[tuple[int, str], Cause] = {}
    for version_id, reason, n, to_pay, size in sorted(groups):
        task = versions[version_id].task
        other = found.get((task.pk, reason))
        found[task.pk, reason] = Cause(
            task,
            FailureReason(reason),
            int(n) + (other.documents if other else 0),
            Load(int(to_pay), int(size)) + (other.load if other else Load(0, 0)),
            [*(other.versions if other else ()), version_id],
        )
    return sorted(found.values(), key=lambda cause: (-cause.documents, cause.task.name, cause.reason))


def cause_of(task: LabelingTask, reason: FailureReason) -> Cause | None:
    """None where nothing of it is open any more."""
    return next((cause for cause in open_causes() if (cause.task, cause.reason) == (task, reason)), None)


def documents_of(task: LabelingTask, reason: FailureReason) -> DocumentQuerySet:
    """The open failures of one cause."""
    return Document.objects.need_a_person().filter(version__in=task.versions.all(), failure_reason=reason)


def prices_of(causes: Iterable[Cause]) -> dict[str, Estimate]:
    """By the key of the cause, with the version in use; a task without one has no price."""
    causes = list(causes)
    in_use = {cause.key: cause.task.version_in_use_id for cause in causes if cause.task.version_in_use_id}
    book = price_book(in_use.values()) if in_use else None
    return {
        cause.key: book.estimate(version_id, cause.load)
        for cause in causes
        if book and (version_id := in_use.get(cause.key)) is not None
    }


def examples_of(causes: Sequence[Cause]) -> dict[str, list[Example]]:
    """The newest three of each cause, by its key; a fixed number of queries."""
    pairs = [(version, cause.reason) for cause in causes for version in cause.versions]
    if not pairs:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST_OF_EACH, [[v for v, _ in pairs], [str(r) for _, r in pairs], EXAMPLES])
        ids = [row[0] for row in cursor.fetchall()]
    documents = Document.objects.filter(pk__in=ids).order_by("-pk")
    key_of = {(version, cause.reason): cause.key for cause in causes for version in cause.versions}
    found: dict[str, list[Document]] = {cause.key: [] for cause in causes}
    for document in documents:
        of_cause = found[key_of[document.version_id, FailureReason(document.failure_reason)]]
        if len(of_cause) < EXAMPLES:
            of_cause.append(document)
    shown = {e.document.pk: e for e in examples([d for of_cause in found.values() for d in of_cause])}
    return {key: [shown[document.pk] for document in of_cause] for key, of_cause in found.items()}


_OF_REQUESTS = ("document_id", "outcome", "custom_id")
_OF_RESULTS = ("error_type", "stop_reason", "answer")


def examples(documents: Sequence[Document]) -> list[Example]:
    """With their texts and what came back last; a copy shows what came back for its leader."""
    texts = excerpts([document.pk for document in documents], EXCERPT)
    sent_ids = {document.leader_id or document.pk for document in documents}
    requests = {
        request.document_id: request
        for request in Request.objects.filter(document__in=sent_ids).only(*_OF_REQUESTS).order_by("pk")
    }
    results = Result.objects.only(*_OF_RESULTS).in_bulk([request.pk for request in requests.values()])
    found = []
    for document in documents:
        request = requests.get(document.leader_id or document.pk)
        result = results.get(request.pk) if request else None
        found.append(Example(document, texts.get(document.pk, ERASED), request, result))
    return found
