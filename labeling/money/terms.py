"""What is fixed for a version today: the bytes around a document, the longest answer, the prices in effect."""

from collections.abc import Collection, Iterable

from django.utils import timezone

from labeling.messages import prompts
from labeling.models import LabelingTaskVersion, ModelPrice
from labeling.money.estimating import Terms
from labeling.money.pricing import PriceTable


def terms_of(versions: Iterable[LabelingTaskVersion]) -> dict[int, Terms]:
    """The terms of each version, by id; one query for all prices."""
    versions = list(versions)
    table, today = prices_of({version.model for version in versions}), timezone.now().date()
    found = {}
    for version in versions:
        before, after = prompts.frame(version.spec)
        found[version.pk] = Terms(
            frame_bytes=len(before) + len(after),
            max_tokens=version.max_tokens,
            tiers=table.tiers(version.model, today),
            marks_cache=prompts.marks_cache(version.spec),
        )
    return found


def prices_of(models: Collection[str]) -> PriceTable:
    """Every dated price that is known of these models."""
    return PriceTable(row.price for row in ModelPrice.objects.filter(model__in=models))
