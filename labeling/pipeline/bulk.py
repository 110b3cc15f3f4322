"""Documents that a person chose -> frozen under a key; what is to be done with them -> done, piece by piece.

What was seen is what is done: the documents are noted when they are chosen, and whatever comes to match later is not
touched. A large selection is noted, and a large act carried out, by a worker that goes on where another stopped; the
request of the person only writes down what was decided.
"""

import re
import time
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone

from labeling import activity, configuration
from labeling.configuration import installation
from labeling.finding import Filters, as_they_were, matching
from labeling.locks import only_one
from labeling.messages import custom_ids
from labeling.models import BulkAct, Document, DocumentText, Erasure, LabelingTaskVersion, SelectedDocument, Selection
from labeling.querysets import DocumentQuerySet
from labeling.states import BulkKind, Way, Work
from labeling.transitions import failures, selections, withdrawing
from labeling.transitions.again import label_again, queue_again
from labeling.transitions.unfinished import counted
from labeling.transitions.ways import change_way

AT_ONCE = 500
"""So many documents are dealt with while the person waits; more go to a worker."""

MANY = 1_000
"""More documents than this of one decision are noted and moved by a worker; so many are sent again within half a
second."""

PIECE = 1_000
MOST_PASTED = 20_000
KEPT = timedelta(days=30)
_NAMED = re.compile(r"D-(\d{1,18})", re.ASCII | re.IGNORECASE)

_FREEZE = """
    INSERT INTO labeling_selecteddocument (selection_id, document_id)
    SELECT %s, chosen.id FROM ({documents}) AS chosen(id) ON CONFLICT DO NOTHING
"""


class NothingChosen(Exception):
    """The message is a sentence for a person."""


def choose(document_ids: Iterable[int], *, by: str) -> Selection:
    """Documents that were ticked. Raises NothingChosen."""
    ids = set(Document.objects.filter(pk__in=set(document_ids)).values_list("pk", flat=True))
    if not ids:
        raise NothingChosen("Tick at least one document first.")
    return selections.note(Selection(title="ticked on the page", created_by=by), ids)


def choose_matching(filters: Filters, *, below: int, by: str) -> Selection:
    """All that match and are older than `below`. A few are noted at once, many by a worker."""
    selection = Selection.objects.create(
        title=filters.in_words()[:400], filters=filters.as_query(), below=below, created_by=by
    )
    few = matching(filters).filter(pk__lt=below).order_by().values("pk")[: AT_ONCE + 1].count() <= AT_ONCE
    if few:
        freeze(selection)
    return selection


def paste(text: str, *, by: str) -> Selection:
    """Ids of any kind, one in a line: D-12, external ids, custom_ids. Raises NothingChosen."""
    named = {line.strip() for line in re.split(r"[\r\n]+", text) if line.strip()}
    if len(named) == 1:
        named = {part for part in re.split(r"[,;\s]+", named.pop()) if part}
    if not named:
        raise NothingChosen("Paste at least one id.")
    if len(named) > MOST_PASTED:
        raise NothingChosen(f"At most {MOST_PASTED:,} ids can be pasted; these are {len(named):,}.")
    ours = installation()
    by_id = {word: pk for word in named if (pk := _own_id(word, ours)) is not None}
    known = set(Document.objects.filter(pk__in=by_id.values()).values_list("pk", flat=True))
    # The index is of ids that are not empty, and is used where the statement says so, too.
    with_id = DocumentText.objects.filter(external_id__gt="", external_id__in=named - by_id.keys())
    external = list(with_id.values_list("external_id", "pk"))
    found = known | {pk for _, pk in external}
    told = {word for word, pk in by_id.items() if pk in known} | {word for word, _ in external}
    if not found:
        raise NothingChosen("No document has one of these ids.")
    return selections.note(Selection(title="a pasted list of ids", created_by=by, unknown=len(named - told)), found)


def freeze(selection: Selection) -> bool:
    """Note the documents of a selection that is not frozen yet; False where another worker does it, or nobody may."""
    with only_one(f"selection {selection.pk}") as held:
        if not held:
            return False
        selection.refresh_from_db()
        if selection.frozen_at is None:
            with counted(Work.SELECTION, selection.pk) as may_try:
                if may_try:
                    _freeze(selection)
    return selection.frozen_at is not None


def begin(
    selection: Selection,
    kind: BulkKind,
    *,
    user: Any,
    way: Way | None = None,
    version: LabelingTaskVersion | None = None,
) -> BulkAct:
    """What a person decided about all documents of a frozen selection; few of them are dealt with at once."""
    with transaction.atomic():
        act = BulkAct.objects.create(
            selection=selection, kind=kind, way=way or "", version=version, user=user, by=user.get_username()
        )
        activity.record(user, f"{_in_words(act)}: {selection.title}", f"selection:{selection.key}")
    if selection.documents <= AT_ONCE:
        go_on(act)
    return act


def are_many(documents: DocumentQuerySet) -> bool:
    """Whether nobody should wait until a decision about them is carried out; counts no further than it must."""
    return documents.order_by().values("pk")[: MANY + 1].count() > MANY


def decide(
    filters: Filters,
    kind: BulkKind,
    *,
    title: str,
    subject: str,
    user: Any,
    way: Way | None = None,
    version: LabelingTaskVersion | None = None,
    reason: str = "",
) -> BulkAct | None:
    """A decision about many documents, for a worker to note and to move. None: it is under way already."""
    by, title = user.get_username(), title[:400]
    with only_one(f"decision {kind} {title}") as held, transaction.atomic():
        if not held or BulkAct.objects.filter(kind=kind, finished_at=None, selection__title=title).exists():
            return None
        newest = Document.objects.aggregate(n=Max("pk"))["n"] or 0
        selection = Selection.objects.create(title=title, filters=filters.as_query(), below=newest + 1, created_by=by)
        act = BulkAct.objects.create(
            selection=selection, kind=kind, way=way or "", version=version, reason=reason[:200], user=user, by=by
        )
        activity.record(user, f"{_in_words(act)}: {title}", subject)
    return act


def go_on(act: BulkAct, *, seconds: float = float("inf")) -> bool:
    """The pieces of an act from where it stands; True once it is done with all of them."""
    end = time.monotonic() + seconds
    with only_one(f"bulk act {act.pk}") as held:
        if not held:
            return False
        act.refresh_from_db()
        if act.selection.frozen_at is None:
            return False
        with counted(Work.BULK_ACT, act.pk) as may_try:
            while may_try and act.finished_at is None and time.monotonic() < end:
                _next_piece(act)
    return act.finished_at is not None


def forget_old() -> int:
    """Selections are kept for a month; what was done with them stands in Activity."""
    being_erased = Erasure.objects.filter(done_at=None, selection__isnull=False).values("selection")
    old = Selection.objects.filter(created_at__lt=timezone.now() - KEPT).exclude(pk__in=being_erased)
    gone, _ = old.delete()
    return gone


def _freeze(selection: Selection) -> None:
    chosen = matching(Filters(**_as_filters(selection.filters))).filter(pk__lt=selection.below).order_by()
    sql, parameters = chosen.values_list("pk").query.sql_with_params()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_FREEZE.format(documents=sql), [selection.pk, *parameters])
        selections.freeze(selection, cursor.rowcount)


def _next_piece(act: BulkAct) -> None:
    with transaction.atomic():
        rows = SelectedDocument.objects.filter(selection=act.selection_id, document__gt=act.done_to)
        ids = list(rows.order_by("document").values_list("document_id", flat=True)[:PIECE])
        if ids:
            act.moved += _carry_out(act, Document.objects.filter(pk__in=ids))
            act.looked_at += len(ids)
            act.done_to = ids[-1]
        if len(ids) < PIECE:
            act.finished_at = timezone.now()
            if act.selection.documents > AT_ONCE:
                _tell_what_came_of_it(act)
        act.save(update_fields=("moved", "looked_at", "done_to", "finished_at"))


def _carry_out(act: BulkAct, documents: DocumentQuerySet) -> int:
    as_seen = as_they_were(documents, act.created_at)
    match BulkKind(act.kind):
        case BulkKind.AGAIN:
            return label_again(as_seen, Way(act.way), act.version)
        case BulkKind.WITHDRAW:
            moved = withdrawing.withdraw(documents, zone=configuration.load().time_zone)
        case BulkKind.RESTORE:
            moved = withdrawing.restore(documents, zone=configuration.load().time_zone)
        case BulkKind.RETRY:
            return queue_again(as_seen, Way(act.way), version=act.version)
        case BulkKind.CLOSE:
            return failures.close(as_seen, act.reason, at=act.created_at)
        case BulkKind.REOPEN:
            return failures.reopen(documents, until=act.created_at)
        case BulkKind.STOP:
            return failures.stop(documents)
        case BulkKind.WAY:
            return change_way(documents, Way(act.way))
    return moved.at_once + moved.in_flight


def _in_words(act: BulkAct) -> str:
    documents = _documents(act.selection.documents) if act.selection.frozen_at else "all documents"
    how = f" with {act.version}" if act.version else ""
    how += f", {Way(act.way).sentence.rstrip('.').lower()}" if act.way else ""
    how += f" ({act.reason})" if act.reason else ""
    return f"{_DOES[BulkKind(act.kind)].format(documents)}{how}"


def _tell_what_came_of_it(act: BulkAct) -> None:
    """Of a worker nobody read the answer."""
    sentence = f"Done with {act.selection.title}: {act.moved:,} of {_documents(act.looked_at)} moved"
    activity.record(act.user or act.by, sentence, f"selection:{act.selection.key}")


def _documents(count: int) -> str:
    return f"{count:,} {'document' if count == 1 else 'documents'}"


_DOES = {
    BulkKind.AGAIN: "Labels {} again",
    BulkKind.WITHDRAW: "Withdraws {}",
    BulkKind.RESTORE: "Restores {}",
    BulkKind.RETRY: "Sends {} again",
    BulkKind.CLOSE: "Closes {} without a label",
    BulkKind.REOPEN: "Opens {} again that had been closed",
    BulkKind.STOP: "Stops {} from going again",
    BulkKind.WAY: "Changes when {} leave",
}


def _own_id(word: str, ours: str) -> int | None:
    """The document that an id of ours names; None for an id of somebody else."""
    if named := _NAMED.fullmatch(word):
        return int(named[1])
    own = custom_ids.parse(word, ours)
    return own.document_id if own else None


def _as_filters(query: dict[str, str]) -> dict[str, Any]:
    numbers = ("version", "upload", "batch")
    return {name: int(value) if name in numbers else value for name, value in query.items()}
