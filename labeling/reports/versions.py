"""What putting a version in use would mean for the documents that wait."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Sum

from labeling.models import DocumentTally, LabelingTaskVersion
from labeling.money.estimating import Load, Span, add_spans
from labeling.reports.prices import PriceBook, price_book
from labeling.states import DocumentState, Way


@dataclass(frozen=True, slots=True)
class WaitingThere:
    """Documents that wait under one version, and about what they cost with it and with the other."""

    version: LabelingTaskVersion
    documents: int
    price: Span
    price_after: Span


@dataclass(frozen=True, slots=True)
class WhatWaits:
    under: Sequence[WaitingThere]

    @property
    def documents(self) -> int:
        return sum(line.documents for line in self.under)

    @property
    def price(self) -> Span:
        return add_spans(line.price for line in self.under)

    @property
    def price_after(self) -> Span:
        return add_spans(line.price_after for line in self.under)


def what_waits(version: LabelingTaskVersion) -> WhatWaits:
    """Under the other versions of its task that were in use, newest first; copies are counted and cost nothing."""
    others = LabelingTaskVersion.objects.filter(task=version.task_id, first_in_use_at__isnull=False)
    sums = (
        DocumentTally.objects.filter(version__in=others.exclude(pk=version.pk), state=DocumentState.QUEUED)
        .order_by()
        .values_list("version_id", "way")
        .annotate(n=Sum("documents"), to_pay=Sum("leaders"), size=Sum("leader_bytes"))
    )
    documents: dict[int, int] = {}
    loads: dict[int, dict[Way, Load]] = {}
    for version_id, way, n, to_pay, size in sums:
        if n:
            documents[version_id] = documents.get(version_id, 0) + int(n)
            loads.setdefault(version_id, {})[Way(way)] = Load(int(to_pay), int(size))
    prices = price_book([*documents, version.pk] if documents else [])
    versions = LabelingTaskVersion.objects.filter(pk__in=documents).order_by("-number")
    return WhatWaits(
        [
            WaitingThere(
                other,
                documents[other.pk],
                _price(prices, other.pk, loads[other.pk]),
                _price(prices, version.pk, loads[other.pk]),
            )
            for other in versions
        ]
    )


def _price(prices: PriceBook, version_id: int, by_way: dict[Way, Load]) -> Span:
    return add_spans(prices.estimate(version_id, load).price(way) for way, load in by_way.items())
