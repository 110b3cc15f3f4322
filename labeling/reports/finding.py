"""Finding documents: newest first, in windows of ids that grow, each with its time, so that no search takes long."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import OperationalError, connection, transaction
from django.db.models import F, Max, Sum
from psycopg.errors import QueryCanceled

from labeling.finding import Filters, matching
from labeling.models import Document, DocumentTally, LabelingTaskVersion, Request, Result, Upload
from labeling.querysets import DocumentQuerySet

from .documents import equals_gold
from .excerpts import ERASED, Excerpt, excerpts
from .paging import PAGE, WORDING, an_id

EXCERPT = 160
WINDOWS = (20_000, 200_000, 2_000_000)
"""How many ids are looked through, one window after the other, until a page is full."""

MILLISECONDS = 400
"""For one window. What was not looked through by then is offered as “look further back”."""

COUNT_MILLISECONDS = 15
MOST_COUNTED = 1_000


@dataclass(frozen=True, slots=True)
class Line:
    """One document in the list. `batch_id` is that of the result shown."""

    document: Document
    excerpt: Excerpt
    result: Result | None
    batch_id: int | None

    @property
    def equals_gold(self) -> bool | None:
        """Whether its label is the right one; None where that cannot be said."""
        return equals_gold(self.document, self.result, self.excerpt.gold_label)


@dataclass(frozen=True, slots=True)
class Found:
    """A page. `older` is the id to go on before; `looked_down_to` is set where not everything was looked through.

    `matching` documents match in all, or at least so many where `is_more`; None: it would take too long to count.
    """

    lines: Sequence[Line]
    older: int | None
    looked_down_to: int | None
    matching: int | None
    is_more: bool
    newest: int
    not_searchable: int
    is_label: bool


def find(filters: Filters, *, before: int | None = None) -> Found:
    newest = Document.objects.aggregate(n=Max("id"))["n"] or 0
    top = min(before, newest + 1) if before is not None else newest + 1
    ids, bottom = _ids(matching(filters), filters, top)
    shown = ids[:PAGE]
    full = len(ids) > PAGE
    known, is_more = _matching(filters)
    return Found(
        lines=lines_of(shown),
        older=shown[-1] if full else (bottom if bottom > 1 else None),
        looked_down_to=bottom if not full and bottom > 1 else None,
        matching=known,
        is_more=is_more,
        newest=newest,
        not_searchable=_not_searchable() if filters.q else 0,
        is_label=bool(filters.q)
        and LabelingTaskVersion.objects.filter(labels__contains=[{"name": filters.q}]).exists(),
    )


def document_in_words(q: str) -> int | None:
    """The id, if the search is one: `D-123`."""
    return an_id(q[2:]) if q[:2].upper() == "D-" else None


def lines_of(ids: Sequence[int]) -> list[Line]:
    """Documents, texts, results and batches of a page, each in one query."""
    documents = Document.objects.select_related("version__task").defer(*WORDING).in_bulk(ids)
    texts = excerpts(ids, EXCERPT)
    result_ids = [document.result_id for document in documents.values() if document.result_id]
    results = Result.objects.in_bulk(result_ids)
    batches = dict(Request.objects.filter(pk__in=result_ids).values_list("pk", "batch_id"))
    return [
        Line(
            document,
            texts.get(document.pk, ERASED),
            results.get(document.result_id) if document.result_id else None,
            batches.get(document.result_id) if document.result_id else None,
        )
        for document in map(documents.get, ids)
        if document
    ]


def _ids(documents: DocumentQuerySet, filters: Filters, top: int) -> tuple[list[int], int]:
    """Ids of a page and one more, and the id down to which all was looked through."""
    found: list[int] = []
    bottom = top
    for window in _windows(filters, top):
        lower = max(0, bottom - window)
        part = documents.filter(pk__lt=bottom, pk__gte=lower)
        if filters.q:
            part = part.filter(words__pk__lt=bottom, words__pk__gte=lower)
        if filters.q and not lower:
            # Rare as it turned out to be, its few places are taken from the index of words and then put in order.
            part = part.annotate(newest=F("pk") + 0).order_by("-newest")
        else:
            part = part.order_by("-pk")
        with _at_most(MILLISECONDS) as time:
            found += part.values_list("pk", flat=True)[: PAGE + 1 - len(found)]
        if time.is_up and not lower and filters.q and bottom > WINDOWS[1]:
            continue
        if time.is_up:
            break
        bottom = lower
        if len(found) > PAGE or bottom <= 1:
            break
    return found, bottom


def _windows(filters: Filters, top: int) -> Sequence[int]:
    """How many ids to look through, one window after the other."""
    if filters.upload or filters.batch or filters.list:
        # Few enough to be looked through at once, by an index of their own.
        return (top,)
    return (WINDOWS[0], top, WINDOWS[1]) if filters.q else WINDOWS


def _matching(filters: Filters) -> tuple[int | None, bool]:
    """How many match and whether it may be more."""
    if filters.counts_are_known:
        return _from_tallies(filters), False
    some = matching(filters).order_by().values("pk")[: MOST_COUNTED + 1]
    number = 0
    with _at_most(COUNT_MILLISECONDS) as time:
        number = some.count()
    return (None if time.is_up else min(number, MOST_COUNTED)), number > MOST_COUNTED


def _from_tallies(filters: Filters) -> int:
    tallies = DocumentTally.objects.all()
    if filters.task:
        tallies = tallies.filter(version__task__slug=filters.task)
        if filters.version is not None:
            tallies = tallies.filter(version__number=filters.version)
    if filters.state:
        tallies = tallies.filter(state=filters.state)
    if filters.upload is not None:
        tallies = tallies.filter(upload=filters.upload)
    return int(tallies.aggregate(n=Sum("documents"))["n"] or 0)


def _not_searchable() -> int:
    """Uploads whose words a worker has still to look at."""
    return Upload.objects.filter(searchable_at=None, ready_at__isnull=False).count()


@dataclass(slots=True)
class _Time:
    is_up: bool = False


_SETTINGS = """
    SELECT set_config('statement_timeout', %s, TRUE), set_config('jit', 'off', TRUE),
        set_config('enable_hashjoin', 'off', TRUE), set_config('enable_mergejoin', 'off', TRUE)
"""
"""A page wants the first rows and not all of them: documents from the newest on, each looked up on its own."""


@contextmanager
def _at_most(milliseconds: int) -> Iterator[_Time]:
    """What the block asks the database is broken off after so long; the time then is up."""
    time = _Time()
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(_SETTINGS, [str(milliseconds)])
            yield time
            with connection.cursor() as cursor:
                cursor.execute("RESET statement_timeout; RESET jit; RESET enable_hashjoin; RESET enable_mergejoin")
    except OperationalError as error:
        if not isinstance(error.__cause__, QueryCanceled):
            raise
        time.is_up = True
