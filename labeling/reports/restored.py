"""What a restored backup left to settle: what was found at the API, what nobody can know, and what waits."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, Sum

from labeling.after_restore import hindrances, waiting
from labeling.configuration import Configuration
from labeling.models import Document, FoundBatch, Restoration, Upload
from labeling.money.estimating import Span, add_spans
from labeling.money.pricing import NOTHING
from labeling.states import DocumentState, FailureReason, Found, UploadState

from .prices import price_book, waiting_loads

MOST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Seen:
    """`batches` by state; `hindrances` empty: a person may settle. `at_risk`: what waits, if it was paid already."""

    restoration: Restoration
    found: Sequence[FoundBatch]
    more_found: int
    listed: int
    by_state: dict[str, int]
    mapped: int
    unknown: int
    unknown_paid: Decimal
    unknown_unpriced: int
    unclear: int
    importing: Sequence[Upload]
    waiting: int
    at_risk: Span
    hindrances: Sequence[str]

    @property
    def ours(self) -> int:
        return self.by_state.get(Found.MAPPED, 0)

    @property
    def running(self) -> int:
        return self.by_state.get(Found.RUNNING, 0) + self.by_state.get(Found.ENDED, 0)

    @property
    def foreign(self) -> int:
        return self.by_state.get(Found.ANOTHERS, 0)

    @property
    def gone(self) -> int:
        return self.by_state.get(Found.GONE, 0)

    @property
    def known(self) -> int:
        return self.by_state.get(Found.KNOWN, 0)


def seen(restoration: Restoration, settings: Configuration) -> Seen:
    found = FoundBatch.objects.filter(restoration=restoration)
    sums = found.aggregate(
        listed=Count("id"),
        mapped=Sum("mapped"),
        unknown=Sum("unknown"),
        paid=Sum("unknown_paid_usd"),
        unpriced=Sum("unknown_unpriced"),
    )
    by_state = dict(found.order_by().values_list("state").annotate(n=Count("id")))
    shown = list(found.select_related("batch").order_by("-created_at")[:MOST_SHOWN])
    is_open = restoration.settled_at is None
    importing = Upload.objects.filter(state=UploadState.IMPORTING, created_at__lt=restoration.backup_made_at)
    return Seen(
        restoration=restoration,
        found=shown,
        more_found=sums["listed"] - len(shown),
        listed=sums["listed"],
        by_state=by_state,
        mapped=sums["mapped"] or 0,
        unknown=sums["unknown"] or 0,
        unknown_paid=sums["paid"] or NOTHING,
        unknown_unpriced=sums["unpriced"] or 0,
        unclear=_unclear(),
        importing=list(importing[:5]),
        waiting=waiting() if is_open else restoration.released,
        at_risk=_price_of_what_waits(),
        hindrances=hindrances(restoration, settings) if is_open else [],
    )


def _unclear() -> int:
    return Document.objects.filter(
        state=DocumentState.FAILED, failure_reason=FailureReason.UNCLEAR, closed_at=None
    ).count()


def _price_of_what_waits() -> Span:
    loads = waiting_loads()
    prices = price_book({version for version, _ in loads})
    return add_spans(prices.estimate(version, load).price(way) for (version, way), load in loads.items())
