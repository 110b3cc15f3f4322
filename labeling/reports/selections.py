"""One selection: what its documents are, what labeling them again would cost, how far an act has come."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

from django.core.cache import cache
from django.db import connection
from django.db.models import Q

from labeling.models import (
    BulkAct,
    Erasure,
    LabelingTask,
    LabelingTaskVersion,
    SelectedDocument,
    Selection,
    UnfinishedWork,
)
from labeling.money.estimating import Estimate, Load, together
from labeling.states import DocumentState, Work

from .finding import Line, lines_of
from .prices import price_book

SHOWN = 20
KEEP_COUNT = 20
"""Seconds for which the documents of a large selection are not counted again."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """`again` documents have a label or failed, of which `to_pay` are not copies of one another; `version`: None is
    the one in use of each task."""

    selection: Selection
    states: dict[DocumentState, int]
    tasks: Sequence[LabelingTask]
    versions: Sequence[LabelingTaskVersion]
    version: LabelingTaskVersion | None
    again: int
    to_pay: int
    price: Estimate
    acts: Sequence[BulkAct]
    erasure: Erasure | None
    lines: Sequence[Line]
    stands_still: UnfinishedWork | None
    """What of it ended its workers so often that nobody goes on with it."""

    @property
    def is_ready(self) -> bool:
        return self.selection.frozen_at is not None

    @property
    def under_way(self) -> BulkAct | None:
        return next((act for act in self.acts if act.finished_at is None), None)

    @property
    def withdrawable(self) -> int:
        return sum(n for state, n in self.states.items() if state != DocumentState.WITHDRAWN)

    @property
    def restorable(self) -> int:
        return self.states[DocumentState.WITHDRAWN]


@dataclass(frozen=True, slots=True)
class _Count:
    version_id: int
    state: str
    documents: int
    load: Load


def chosen(selection: Selection, *, version_number: int | None = None) -> Chosen:
    """`version_number` is that of the version with which they would be labeled again, where they are of one task."""
    counts = _counts(selection)
    of_documents = LabelingTaskVersion.objects.select_related("task").in_bulk({count.version_id for count in counts})
    tasks = sorted({version.task for version in of_documents.values()}, key=lambda task: task.name)
    versions = list(tasks[0].versions.select_related("task")) if len(tasks) == 1 else []
    version = next((v for v in versions if v.number == version_number), None)
    again = [count for count in counts if count.state in (DocumentState.LABELED, DocumentState.FAILED)]
    ids = SelectedDocument.objects.filter(selection=selection).order_by("-document")
    acts = list(selection.acts.select_related("version__task")[:10])
    erasure = selection.erasures.first()
    return Chosen(
        selection=selection,
        states={state: sum(c.documents for c in counts if c.state == state) for state in DocumentState},
        tasks=tasks,
        versions=versions,
        version=version,
        again=sum(count.documents for count in again),
        to_pay=sum(count.load.documents for count in again),
        price=_price(again, of_documents, version),
        acts=acts,
        erasure=erasure,
        lines=lines_of(list(ids.values_list("document_id", flat=True)[:SHOWN])),
        stands_still=_stands_still(selection, acts, erasure),
    )


def _stands_still(selection: Selection, acts: Sequence[BulkAct], erasure: Erasure | None) -> UnfinishedWork | None:
    """Asks only where something is under way."""
    works = [
        *([(Work.SELECTION, selection.pk)] if selection.frozen_at is None else []),
        *((Work.BULK_ACT, act.pk) for act in acts if act.finished_at is None),
        *([(Work.ERASURE, erasure.pk)] if erasure and erasure.done_at is None else []),
    ]
    of_it = [Q(work=work, row_id=pk) for work, pk in works]
    return UnfinishedWork.objects.set_aside().filter(reduce(or_, of_it)).first() if of_it else None


def _price(
    again: Sequence[_Count], of_documents: dict[int, LabelingTaskVersion], version: LabelingTaskVersion | None
) -> Estimate:
    """What labeling them again costs, each with the version that it would be labeled with."""
    target = {pk: version.pk if version else v.task.version_in_use_id for pk, v in of_documents.items()}
    book = price_book({pk for pk in target.values() if pk})
    return together(book.estimate(pk, count.load) for count in again if (pk := target[count.version_id]))


def _counts(selection: Selection) -> list[_Count]:
    """The documents by version and state, and how many different texts they are."""
    if selection.frozen_at is None:
        return []
    stand = selection.acts.order_by("-pk").values_list("pk", "looked_at").first()
    key = f"selection:{selection.pk}:{stand[0]}-{stand[1]}" if stand else f"selection:{selection.pk}"
    counts: list[_Count] | None = cache.get(key)
    if counts is None:
        counts = _count(selection)
        cache.set(key, counts, KEEP_COUNT)
    return counts


def _count(selection: Selection) -> list[_Count]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT d.version_id, d.state, count(*), count(DISTINCT COALESCE(d.leader_id, d.id)), sum(d.encoded_bytes)
            FROM labeling_selecteddocument s JOIN labeling_document d ON d.id = s.document_id
            WHERE s.selection_id = %s GROUP BY d.version_id, d.state
            """,
            [selection.pk],
        )
        return [
            _Count(version_id, state, documents, Load(documents, int(size)).part(texts))
            for version_id, state, documents, texts, size in cursor.fetchall()
        ]
