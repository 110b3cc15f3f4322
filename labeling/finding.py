"""Which documents an address of the documents page means: for the page, and for whoever freezes what it shows.

A decision about many documents says which ones in the same words, so that a worker can look for them later.
"""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from django.contrib.postgres.search import SearchQuery, SearchQueryCombinable, SearchQueryField
from django.db.models import Exists, F, Func, OuterRef, Q, Value
from django.db.models.functions import Coalesce, Lower
from django.utils import timezone

from labeling.models import Document, LabelingTaskVersion, Request, SelectedDocument
from labeling.querysets import DocumentQuerySet
from labeling.states import DocumentState, FailureReason, Lane, Outcome

OPEN, AGAIN = "open", "again"
"""Beside the states of documents: failed, and nobody has closed it; queued, and sent again by itself."""

GOLD = ("differs", "equals", "given")
SOURCES = ("model", "copy", "urgent")


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for; blank means any."""

    q: str = ""
    task: str = ""
    version: int | None = None
    state: str = ""
    label: str = ""
    gold: str = ""
    cause: str = ""
    source: str = ""
    upload: int | None = None
    batch: int | None = None
    list: str = ""
    """The key of a selection."""

    outcome: str = ""
    """How its request in the batch ended. This one and the next are words of decisions and stand in no address."""

    closed_at: str = ""
    """Failed, and closed in the act of this moment."""

    @property
    def is_empty(self) -> bool:
        return self == Filters()

    @property
    def counts_are_known(self) -> bool:
        """The tallies know how many match."""
        return self.state not in (OPEN, AGAIN) and not (
            self.q or self.label or self.gold or self.cause or self.source or self.batch or self.list or self.closed_at
        )

    def as_query(self) -> dict[str, str]:
        return {f.name: str(value) for f in fields(self) if (value := getattr(self, f.name))}

    def in_words(self) -> str:
        """For a person and for Activity."""
        said = [f"{name} {value}" for name, value in self.as_query().items() if name not in ("q", "list")]
        return ", ".join([*([f"“{self.q}”"] if self.q else []), *said]) or "all documents"


def matching(filters: Filters) -> DocumentQuerySet:
    """The documents in no order."""
    documents = Document.objects.all()
    if filters.task:
        versions = LabelingTaskVersion.objects.filter(task__slug=filters.task)
        if filters.version is not None:
            versions = versions.filter(number=filters.version)
        # Few and known before: the planner then knows how many documents are theirs.
        documents = documents.filter(version__in=list(versions.values_list("pk", flat=True)))
    if filters.state in set(DocumentState):
        documents = documents.filter(state=filters.state)
    elif filters.state == OPEN:
        documents = documents.need_a_person()
    elif filters.state == AGAIN:
        documents = documents.go_again(timezone.now())
    if filters.closed_at:
        documents = documents.filter(state=DocumentState.FAILED, closed_at=datetime.fromisoformat(filters.closed_at))
    if filters.cause in set(FailureReason):
        documents = documents.filter(state=DocumentState.FAILED, failure_reason=filters.cause)
    if filters.upload is not None:
        documents = documents.filter(upload=filters.upload)
    if filters.label:
        documents = documents.filter(result__usable=True, result__answer=filters.label)
    return _by_selection(
        _by_words(_by_batch(_by_source(_by_gold(documents, filters), filters), filters), filters), filters
    )


def as_they_were(documents: DocumentQuerySet, moment: datetime) -> DocumentQuerySet:
    """Without those for which something came back since: nobody had seen that when he decided."""
    since = Request.objects.filter(document=Coalesce(OuterRef("leader_id"), OuterRef("pk")), ended_at__gt=moment)
    return documents.exclude(Exists(since))


def _by_gold(documents: DocumentQuerySet, filters: Filters) -> DocumentQuerySet:
    if filters.gold not in GOLD:
        return documents
    with_gold = documents.filter(content__gold_label__gt="")
    if filters.gold == "given":
        return with_gold
    same = Q(gold_word=F("answer_word"))
    labeled = with_gold.filter(state=DocumentState.LABELED, result__usable=True).annotate(
        gold_word=Lower("content__gold_label"), answer_word=Lower("result__answer")
    )
    return labeled.filter(same) if filters.gold == "equals" else labeled.exclude(same)


def _by_source(documents: DocumentQuerySet, filters: Filters) -> DocumentQuerySet:
    match filters.source:
        case "copy":
            return documents.exclude(leader=None)
        case "model":
            return documents.leaders().exclude(result=None)
        case "urgent":
            in_real_time = Request.objects.filter(pk=OuterRef("result_id"), lane=Lane.URGENT)
            return documents.filter(Exists(in_real_time))
    return documents


def _by_batch(documents: DocumentQuerySet, filters: Filters) -> DocumentQuerySet:
    if filters.batch is None:
        return documents
    requests = Request.objects.filter(batch=filters.batch)
    if filters.outcome in set(Outcome):
        requests = requests.filter(outcome=filters.outcome)
    return documents.filter(pk__in=requests.values("document_id"))


def _by_words(documents: DocumentQuerySet, filters: Filters) -> DocumentQuerySet:
    return documents.filter(words__words=words_query(filters.q)) if filters.q else documents


def _by_selection(documents: DocumentQuerySet, filters: Filters) -> DocumentQuerySet:
    if not filters.list:
        return documents
    return documents.filter(pk__in=SelectedDocument.objects.filter(selection__key=filters.list).values("document_id"))


def words_query(q: str) -> Any:
    """All words as in a web search ("-not", "or", "in quotes"), or an external id that begins like this."""
    return SearchQuery(q, config="simple", search_type="websearch") | _Beginning(q)


class _Beginning(SearchQueryCombinable, Func):  # type: ignore[misc]  # the stubs see two kinds of __or__
    """A word that begins like this, as it is and not parsed: ids have hyphens, dots and slashes inside."""

    template = "(%(expressions)s)::tsquery"
    output_field = SearchQueryField()
    config = None

    def __init__(self, text: str) -> None:
        quoted = text.lower().replace("\\", "\\\\").replace("'", "''")
        super().__init__(Value(f"'{quoted}':*"))
