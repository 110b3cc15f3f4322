"""What leaves next: waiting documents by version and way, with what they will cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Sum

from labeling.models import DocumentTally, LabelingTaskVersion
from labeling.states import DocumentState, Way

from .prices import estimate, usual_list_cost


@dataclass(frozen=True, slots=True)
class Leaving:
    """Documents of one version that wait to leave one way; prices in USD, None where nobody knows."""

    version: LabelingTaskVersion
    way: Way
    documents: int
    list_usd: Decimal | None
    paid_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class LeavingNext:
    rows: Sequence[Leaving]

    def by_way(self, way: Way) -> int:
        return sum(row.documents for row in self.rows if row.way == way)

    @property
    def tonight(self) -> int:
        return self.by_way(Way.TONIGHT)

    @property
    def now(self) -> int:
        return self.by_way(Way.NOW)

    @property
    def urgent(self) -> int:
        return self.by_way(Way.URGENT)

    @property
    def documents(self) -> int:
        return sum(row.documents for row in self.rows)

    @property
    def list_usd(self) -> Decimal | None:
        return _sum([row.list_usd for row in self.rows])

    @property
    def paid_usd(self) -> Decimal | None:
        return _sum([row.paid_usd for row in self.rows])

    @property
    def tonight_usd(self) -> Decimal | None:
        return _sum([row.paid_usd for row in self.rows if row.way == Way.TONIGHT])


def leaving_next() -> LeavingNext:
    """Soonest first, then the most documents; from the tallies, so it counts no document."""
    waiting = {
        (version_id, Way(way)): int(documents)
        for version_id, way, documents in DocumentTally.objects.filter(state=DocumentState.QUEUED)
        .order_by()
        .values_list("version_id", "way")
        .annotate(n=Sum("documents"))
        if documents
    }
    version_ids = {version_id for version_id, _ in waiting}
    versions = LabelingTaskVersion.objects.select_related("task").in_bulk(version_ids)
    usual = usual_list_cost(version_ids)
    rows = [
        Leaving(
            versions[version_id],
            way,
            documents,
            estimate(documents, usual.get(version_id), Way.URGENT),
            estimate(documents, usual.get(version_id), way),
        )
        for (version_id, way), documents in waiting.items()
    ]
    order = list(Way)
    return LeavingNext(sorted(rows, key=lambda row: (order.index(row.way), -row.documents, row.version.pk)))


def _sum(prices: Sequence[Decimal | None]) -> Decimal | None:
    """A sum with an unknown part is unknown."""
    known = [price for price in prices if price is not None]
    return sum(known, Decimal(0)) if len(known) == len(prices) else None
