"""Finding documents: newest first, by windows of ids, so that a rare match cannot take long."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db.models import Max, Q, Sum

from labeling.models import Document, DocumentTally, DocumentText, Request, Result, ResultLine
from labeling.querysets import DocumentQuerySet
from labeling.states import DocumentState

from .excerpts import ERASED, Excerpt, excerpts
from .paging import PAGE, an_id

EXCERPT = 160
WINDOW = 200_000
SLOW_WINDOW = 20_000
"""How many ids are looked through for one page; reading every text costs more than reading states."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for; blank means any."""

    q: str = ""
    task: str = ""
    state: str = ""
    upload: int | None = None
    label: str = ""

    @property
    def reads_texts(self) -> bool:
        return bool(self.q or self.label)

    @property
    def is_empty(self) -> bool:
        return self == Filters()

    def as_query(self) -> dict[str, str]:
        fields = {"q": self.q, "task": self.task, "state": self.state, "upload": self.upload or "", "label": self.label}
        return {name: str(value) for name, value in fields.items() if value}


@dataclass(frozen=True, slots=True)
class Line:
    """One document in the list. `batch_id` is that of the result shown."""

    document: Document
    excerpt: Excerpt
    result: Result | None
    batch_id: int | None


@dataclass(frozen=True, slots=True)
class Found:
    """A page. `older` is the id to go on before; `looked_down_to` is set where only a window was looked through."""

    lines: Sequence[Line]
    exact: Sequence[Line]
    older: int | None
    looked_down_to: int | None
    matching: int | None


@dataclass(frozen=True, slots=True)
class Attempt:
    request: Request
    result: Result | None


@dataclass(frozen=True, slots=True)
class History:
    document: Document
    text: DocumentText | None
    attempts: Sequence[Attempt]
    raw_line: str
    copies: int
    shared_attempts: bool


def find(filters: Filters, *, before: int | None = None) -> Found:
    newest = Document.objects.aggregate(n=Max("id"))["n"] or 0
    top = min(before, newest + 1) if before is not None else newest + 1
    documents = _narrowed(filters)
    windowed = filters.upload is None
    bottom = max(0, top - (SLOW_WINDOW if filters.reads_texts else WINDOW)) if windowed else 0
    rows = list(
        documents.filter(pk__lt=top, pk__gte=bottom).select_related("version__task").order_by("-pk")[: PAGE + 1]
    )
    full = len(rows) > PAGE
    shown = rows[:PAGE]
    exact = _exact(filters) if before is None and filters.q else []
    lines = _lines([*exact, *(row for row in shown if row not in exact)])
    return Found(
        lines=lines[len(exact) :],
        exact=lines[: len(exact)],
        older=shown[-1].pk if full else (bottom if bottom > 1 else None),
        looked_down_to=bottom if not full and bottom > 1 else None,
        matching=_matching(filters),
    )


def document_in_words(q: str) -> int | None:
    """The id, if the search is one: `D-123`."""
    return an_id(q[2:]) if q[:2].upper() == "D-" else None


def history(document: Document) -> History:
    """One document with every attempt; a copy shows those of its leader."""
    sent_id = document.leader_id or document.pk
    requests = list(
        Request.objects.filter(document=sent_id).select_related("version__task", "batch").order_by("-pk")[:100]
    )
    results = Result.objects.in_bulk([request.pk for request in requests])
    line = ResultLine.objects.filter(pk=requests[0].pk).first() if requests else None
    if document.result_id:
        line = ResultLine.objects.filter(pk=document.result_id).first() or line
    return History(
        document=document,
        text=DocumentText.objects.filter(pk=document.pk).first(),
        attempts=[Attempt(request, results.get(request.pk)) for request in requests],
        raw_line=line.line if line else "",
        copies=Document.objects.filter(leader=document.pk).count(),
        shared_attempts=document.leader_id is not None,
    )


def _narrowed(filters: Filters) -> DocumentQuerySet:
    documents = Document.objects.all()
    if filters.task:
        documents = documents.filter(version__task__slug=filters.task)
    if filters.state in set(DocumentState):
        documents = documents.filter(state=filters.state)
    elif filters.state == "open":
        documents = documents.need_a_person()
    if filters.upload is not None:
        documents = documents.filter(upload=filters.upload)
    if filters.label:
        documents = documents.filter(state=DocumentState.LABELED, result__answer=filters.label)
    if filters.q:
        words = SearchVector("content__text", config="simple")
        documents = documents.annotate(words=words).filter(
            Q(words=SearchQuery(filters.q, config="simple", search_type="websearch"))
            | Q(content__external_id__startswith=filters.q)
        )
    return documents


def _exact(filters: Filters) -> list[Document]:
    """Documents whose external id is the search itself, of any age."""
    ids = DocumentText.objects.filter(external_id=filters.q).order_by("-pk").values_list("pk", flat=True)[:20]
    others = Filters(task=filters.task, state=filters.state, upload=filters.upload, label=filters.label)
    return list(_narrowed(others).filter(pk__in=list(ids)).select_related("version__task").order_by("-pk"))


def _matching(filters: Filters) -> int | None:
    """How many match, where the tallies know it."""
    if filters.reads_texts or filters.state == "open":
        return None
    tallies = DocumentTally.objects.all()
    if filters.task:
        tallies = tallies.filter(version__task__slug=filters.task)
    if filters.state:
        tallies = tallies.filter(state=filters.state)
    if filters.upload is not None:
        tallies = tallies.filter(upload=filters.upload)
    return int(tallies.aggregate(n=Sum("documents"))["n"] or 0)


def _lines(documents: Sequence[Document]) -> list[Line]:
    """Texts, results and batches of a page, each in one query."""
    texts = excerpts([document.pk for document in documents], EXCERPT)
    result_ids = [document.result_id for document in documents if document.result_id]
    results = Result.objects.in_bulk(result_ids)
    batches = dict(Request.objects.filter(pk__in=result_ids).values_list("pk", "batch_id"))
    return [
        Line(
            document,
            texts.get(document.pk, ERASED),
            results.get(document.result_id) if document.result_id else None,
            batches.get(document.result_id) if document.result_id else None,
        )
        for document in documents
    ]
