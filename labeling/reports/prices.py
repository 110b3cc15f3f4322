"""What sending would cost, from what it has cost: an average over the results of the same version."""

from collections.abc import Iterable
from decimal import Decimal

from django.db.models import Sum

from labeling.models import SpendTally
from labeling.pricing import BATCH_DISCOUNT
from labeling.states import Way


def usual_list_cost(version_ids: Iterable[int]) -> dict[int, Decimal]:
    """Real-time price of one result of each version, in USD; a version without a priced result is absent."""
    sums = (
        SpendTally.objects.filter(version__in=list(version_ids))
        .values("version_id")
        .annotate(list_usd=Sum("list_usd"), results=Sum("results"), unpriced=Sum("unpriced"))
    )
    return {
        row["version_id"]: row["list_usd"] / (row["results"] - row["unpriced"])
        for row in sums
        if row["results"] > row["unpriced"] and row["list_usd"]
    }


def estimate(documents: int, usual: Decimal | None, way: Way) -> Decimal | None:
    """What so many documents will cost this way; None while nobody knows."""
    if usual is None:
        return None
    return documents * (usual if way is Way.URGENT else usual * BATCH_DISCOUNT)
