"""One upload from check to delivery: the receipt."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.core.cache import cache
from django.db import connection
from django.db.models import Count, F, Q, Sum
from django.db.models.functions import Lower
from django.utils import timezone

from labeling import counts
from labeling.models import Batch, Document, DocumentTally, RefusedRow, Upload
from labeling.money.estimating import Estimate, Span, add_spans, together
from labeling.states import DocumentState, Kind, RefusalReason, UploadState, Way

from .accuracy import Range, wilson
from .again import Offer, price_of
from .estimates import Afterwards, BeforeImport, afterwards, before_import
from .paging import WORDING
from .prices import price_book, waiting_loads
from .usual_labels import usual_labels

MOST_LABELS = 200
MOST_REFUSED_SHOWN = 20
MOST_BATCHES = 50
RECOUNT = timedelta(seconds=30)
"""Labels are counted from the rows; while an upload is being labeled no oftener than this."""

KEEP_COUNT = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class RefusedKind:
    reason: RefusalReason
    rows: int
    lines: Sequence[int]


@dataclass(frozen=True, slots=True)
class LabelCount:
    """`change` is in percentage points against the last seven nights; None where there is nothing to compare with."""

    label: str
    documents: int
    change: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels as a whole; `gold` counts those with a gold label, `equal` those that equal it."""

    labeled: int
    labels: Sequence[LabelCount]
    other_labels: int
    gold: int
    equal: int
    counted_at: datetime
    usual: int = 0
    """So many labels of the nights before the changes are measured against."""

    @property
    def accuracy(self) -> Range | None:
        return wilson(self.equal, self.gold) if self.gold else None


@dataclass(frozen=True, slots=True)
class Receipt:
    upload: Upload
    earlier: Upload | None
    states: dict[DocumentState, int]
    waiting_by_way: dict[Way, int]
    refused: Sequence[RefusedKind]
    refused_rows: Sequence[RefusedRow]
    batches: Sequence[Batch]
    labels: Labels | None
    leaving: Span | None
    """What waits, at the price of the way that each document leaves; None while nothing does."""

    back: Offer | None
    """What would wait again and be paid for if what was withdrawn came back."""

    to_send: Estimate | None
    """What waits, at the price of each way; None while nothing does."""

    before: BeforeImport | None
    """What the file holds and would cost, while a person decides."""

    after: Afterwards | None

    @property
    def parts(self) -> list[tuple[str, int, str]]:
        return parts_of(self.states)

    @property
    def to_pay(self) -> int:
        return self.upload.accepted - self.upload.copies

    @property
    def waiting(self) -> int:
        return self.states[DocumentState.QUEUED]

    @property
    def in_flight(self) -> int:
        return self.states[DocumentState.BATCHED]

    @property
    def labeled(self) -> int:
        return self.states[DocumentState.LABELED]

    @property
    def failed(self) -> int:
        return self.states[DocumentState.FAILED]

    @property
    def withdrawn(self) -> int:
        return self.states[DocumentState.WITHDRAWN]

    @property
    def is_readable(self) -> bool:
        """Whether columns are known, so that a person can choose among them."""
        return bool(self.upload.inspection.get("columns"))


def parts_of(states: dict[DocumentState, int]) -> list[tuple[str, int, str]]:
    """The states as parts of a segmented bar."""
    return [
        ("ok", states[DocumentState.LABELED], "labeled"),
        ("err", states[DocumentState.FAILED], "failed"),
        ("proc", states[DocumentState.BATCHED], "in flight"),
        ("wait", states[DocumentState.QUEUED], "waiting"),
        ("can", states[DocumentState.WITHDRAWN], "withdrawn"),
    ]


def receipt(upload: Upload, *, earlier: Upload | None) -> Receipt:
    """Everything the page of one upload shows; tallies, and the labels counted once per change."""
    states = counts.documents_by_state(upload_id=upload.pk)
    to_send = _to_send(upload) if states[DocumentState.QUEUED] else None
    return Receipt(
        upload=upload,
        earlier=earlier,
        states=states,
        waiting_by_way=_waiting_by_way(upload),
        refused=_refused_kinds(upload),
        refused_rows=list(upload.refused_rows.order_by("row_number")[:MOST_REFUSED_SHOWN]) if upload.refused else [],
        batches=_batches(upload),
        labels=labels_of(upload, states[DocumentState.LABELED]),
        leaving=add_spans(estimate.price(way) for (_, way), estimate in to_send.items())
        if to_send is not None
        else None,
        back=_back(upload) if states[DocumentState.WITHDRAWN] else None,
        to_send=together(to_send.values()) if to_send is not None else None,
        before=before_import(upload) if upload.state == UploadState.CHECKED else None,
        after=afterwards(upload) if upload.ready_at else None,
    )


def labels_of(upload: Upload, labeled: int) -> Labels | None:
    """Each label with its count; of a classify task only."""
    if upload.version.kind != Kind.CLASSIFY or not labeled:
        return None
    key = f"label-counts:{upload.pk}"
    known: Labels | None = cache.get(key)
    if known and (known.labeled == labeled or _is_fresh(known, upload)):
        return known
    counted = _count_labels(upload, labeled)
    cache.set(key, counted, KEEP_COUNT)
    return counted


def _is_fresh(known: Labels, upload: Upload) -> bool:
    return upload.state == UploadState.READY and timezone.now() - known.counted_at < RECOUNT


def _count_labels(upload: Upload, labeled: int) -> Labels:
    documents = Document.objects.filter(upload=upload, state=DocumentState.LABELED).order_by()
    found = list(documents.values_list("result__answer").annotate(n=Count("id")).order_by("-n", "result__answer"))
    gold = equal = 0
    if upload.inspection.get("gold_column"):
        with_gold = documents.exclude(content__gold_label="")
        same = Q(gold=F("answer"))
        sums = with_gold.annotate(gold=Lower("content__gold_label"), answer=Lower("result__answer")).aggregate(
            all=Count("id"), same=Count("id", filter=same)
        )
        gold, equal = sums["all"], sums["same"]
    usual = usual_labels(upload)

    def change(label: str, n: int) -> Decimal | None:
        return usual.change(label, Decimal(100 * n) / labeled) if usual else None

    return Labels(
        labeled=labeled,
        labels=[LabelCount(label, n, change(label, n)) for label, n in found[:MOST_LABELS]],
        usual=usual.labels if usual else 0,
        other_labels=max(0, len(found) - MOST_LABELS),
        gold=gold,
        equal=equal,
        counted_at=timezone.now(),
    )


def _back(upload: Upload) -> Offer | None:
    """Documents that waited when they were withdrawn; of the others the labels are paid already."""
    waited = Document.objects.filter(
        upload=upload, state=DocumentState.WITHDRAWN, withdrawn_from=DocumentState.QUEUED, erasure=None
    )
    return price_of(waited, upload.version_id)


def _to_send(upload: Upload) -> dict[tuple[int, Way], Estimate]:
    """About what the waiting documents cost, by version and by the way they leave as it stands."""
    loads = waiting_loads(upload_id=upload.pk)
    book = price_book({version_id for version_id, _ in loads})
    return {(version_id, way): book.estimate(version_id, load) for (version_id, way), load in loads.items()}


def _waiting_by_way(upload: Upload) -> dict[Way, int]:
    sums = dict(
        DocumentTally.objects.filter(upload=upload, state=DocumentState.QUEUED)
        .order_by()
        .values_list("way")
        .annotate(n=Sum("documents"))
    )
    return {way: int(sums.get(way, 0)) for way in Way}


def _refused_kinds(upload: Upload) -> list[RefusedKind]:
    """Refused rows by kind with the first lines of each."""
    if not upload.refused:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT reason, count(*), (array_agg(line_number ORDER BY row_number))[1:4]
            FROM labeling_refusedrow WHERE upload_id = %s GROUP BY reason ORDER BY count(*) DESC
            """,
            [upload.pk],
        )
        return [RefusedKind(RefusalReason(reason), n, lines) for reason, n, lines in cursor.fetchall()]


def _batches(upload: Upload) -> list[Batch]:
    """The newest batches that carried documents of the upload."""
    rows = Batch.objects.filter(shares__upload=upload).select_related("version__task").defer(*WORDING)
    return list(rows.order_by("-pk")[:MOST_BATCHES])
