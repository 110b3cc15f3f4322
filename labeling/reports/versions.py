"""What putting a version in use would mean for the documents that wait."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Sum

from labeling.models import DocumentTally, LabelingTaskVersion
from labeling.reports.prices import estimate, usual_list_cost
from labeling.states import DocumentState, Way


@dataclass(frozen=True, slots=True)
class WaitingThere:
    """Documents that wait under one version, and about what they cost with it and with the other; None: unknown."""

    version: LabelingTaskVersion
    documents: int
    usd: Decimal | None
    usd_after: Decimal | None


@dataclass(frozen=True, slots=True)
class WhatWaits:
    under: Sequence[WaitingThere]

    @property
    def documents(self) -> int:
        return sum(line.documents for line in self.under)

    @property
    def usd(self) -> Decimal | None:
        return _sum([line.usd for line in self.under])

    @property
    def usd_after(self) -> Decimal | None:
        return _sum([line.usd_after for line in self.under])


def what_waits(version: LabelingTaskVersion) -> WhatWaits:
    """Under the other versions of its task that were in use, newest first; copies counted, so prices are about."""
    others = LabelingTaskVersion.objects.filter(task=version.task_id, first_in_use_at__isnull=False)
    sums = (
        DocumentTally.objects.filter(version__in=others.exclude(pk=version.pk), state=DocumentState.QUEUED)
        .order_by()
        .values_list("version_id", "way")
        .annotate(n=Sum("documents"))
    )
    by_version: dict[int, dict[Way, int]] = {}
    for version_id, way, n in sums:
        if n:
            by_version.setdefault(version_id, {})[Way(way)] = int(n)
    usual = usual_list_cost([*by_version, version.pk])
    versions = LabelingTaskVersion.objects.filter(pk__in=by_version).order_by("-number")
    return WhatWaits(
        [
            WaitingThere(
                other,
                sum(by_version[other.pk].values()),
                _cost(by_version[other.pk], usual.get(other.pk)),
                _cost(by_version[other.pk], usual.get(version.pk)),
            )
            for other in versions
        ]
    )


def _cost(by_way: dict[Way, int], usual: Decimal | None) -> Decimal | None:
    return _sum([estimate(n, usual, way) for way, n in by_way.items()])


def _sum(amounts: Sequence[Decimal | None]) -> Decimal | None:
    """One unknown amount makes the sum unknown."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if len(known) == len(amounts) else None
