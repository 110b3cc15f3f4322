"""What leaves when a person resumes: how many documents, when, and about how much they cost."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, IntegerField, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Coalesce

from labeling import nights
from labeling.configuration import Configuration
from labeling.models import Batch, DocumentTally, Gate, LabelingTask
from labeling.money.estimating import Load, Span, add_spans
from labeling.states import BatchState, DocumentState, UploadState, Way
from labeling.templatetags.figures import about_price, noun

from .prices import PriceBook, price_book

_AT_ONCE, _LATER = 1, 0


@dataclass(frozen=True, slots=True)
class Resuming:
    """Documents that are paid for, copies left out. `batches` are built already and only wait for the gate."""

    batches: int
    in_batches: int
    in_real_time: int
    at_once: int
    tonight: int
    tonight_at: datetime
    price: Span

    @property
    def documents(self) -> int:
        return self.in_batches + self.in_real_time + self.at_once + self.tonight

    @property
    def parts(self) -> Sequence[str]:
        """When how many leave, as words without the total."""
        batches = f"{noun(self.in_batches, 'document')} at once, in {noun(self.batches, 'batch')} ready to go"
        return [
            words
            for n, words in (
                (self.in_batches, batches),
                (self.in_real_time, f"{noun(self.in_real_time, 'document')} at once in real time"),
                (self.at_once, f"{noun(self.at_once, 'document')} at once in new batches"),
                (self.tonight, f"{noun(self.tonight, 'document')} with the night, {self.tonight_at:%a %H:%M}"),
            )
            if n
        ]

    @property
    def sentence(self) -> str:
        """For a person, before anything leaves."""
        if not self.documents:
            return "Nothing waits behind it, so nothing leaves."
        money = f"That costs {about_price(self.price)}." if self.price.is_known else "What that costs is not known."
        return f"Then {'; '.join(self.parts)}. {money}"


def resuming(settings: Configuration, now: datetime, task: LabelingTask | None = None) -> Resuming:
    """If every closed gate, or that of one task, were opened now; what no gate keeps is not in it.

    Uploads that are held stay. From sums, never per document.
    """
    _, last_due = nights.latest_due(now, settings.night, settings.zone)
    _, next_due = nights.next_due(now, settings.night, settings.zone)
    batches = Batch.objects.filter(state=BatchState.BUILDING).select_related("version")
    waiting = _waiting(last_due)
    kept = [task.pk] if task is not None else _tasks_kept()
    if kept is not None:
        batches, waiting = batches.filter(version__task__in=kept), waiting.filter(version__task__in=kept)
    built = list(batches)
    loads: dict[tuple[int, Way, int], Load] = {
        (version_id, Way(way), when): Load(int(n), int(size)) for version_id, way, when, n, size in waiting if n
    }
    prices = price_book({version for version, *_ in loads} | {batch.version_id for batch in built})
    by_way: dict[tuple[Way, int], int] = defaultdict(int)
    for (_, way, when), load in loads.items():
        by_way[way, when] += load.documents
    spans = [prices.estimate(version, load).price(way) for (version, way, _), load in loads.items()]
    spans += [_price(batch, prices) for batch in built]
    return Resuming(
        batches=len(built),
        in_batches=sum(batch.request_total for batch in built),
        in_real_time=by_way[Way.URGENT, _AT_ONCE],
        at_once=by_way[Way.NOW, _AT_ONCE] + by_way[Way.TONIGHT, _AT_ONCE],
        tonight=by_way[Way.TONIGHT, _LATER],
        tonight_at=next_due.astimezone(settings.zone),
        price=add_spans(spans),
    )


def _tasks_kept() -> list[int] | None:
    """Tasks behind a closed gate; None where the gate of everything is closed."""
    closed = list(Gate.objects.filter(closed_at__isnull=False).values_list("task_id", flat=True))
    return None if None in closed else [task_id for task_id in closed if task_id is not None]


def _waiting(last_due: datetime) -> "QuerySet[DocumentTally, tuple[int, str, int, int, int]]":
    """Version, way, whether it leaves at once, documents and their bytes."""
    at_once = Case(
        When(~Q(way=Way.TONIGHT) | Q(upload__counts_from__lte=last_due), then=Value(_AT_ONCE)),
        default=Value(_LATER),
        output_field=IntegerField(),
    )
    return (
        DocumentTally.objects.filter(
            state=DocumentState.QUEUED,
            upload__state__in=(UploadState.READY, UploadState.DONE),
            upload__hold_kind="",
        )
        .order_by()
        .annotate(when=at_once)
        .values_list("version_id", "way", "when")
        .annotate(n=Coalesce(Sum("leaders"), 0), size=Coalesce(Sum("leader_bytes"), 0))
    )


def _price(batch: Batch, prices: PriceBook) -> Span:
    frame = prices.terms[batch.version_id].frame_bytes
    texts = max(0, batch.body_bytes - batch.request_total * frame)
    return prices.estimate(batch.version_id, Load(batch.request_total, texts)).price(Way.NOW)
