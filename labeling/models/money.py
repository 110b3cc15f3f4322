"""Prices, as data that ages."""

from typing import Any

from django.db import models
from django.db.models import Q

from labeling.money.pricing import Price
from labeling.states import LimitScope

from .batches import USD

USD_PER_MTOK: dict[str, Any] = {"max_digits": 12, "decimal_places": 6}


class ModelPrice(models.Model):
    """List price of a model in USD per million tokens, from a date on; a batch pays half of every column."""

    model = models.CharField(max_length=80)
    effective_from = models.DateField()
    above_prompt_tokens = models.PositiveIntegerField(
        default=0, help_text="The row is for prompts of more than this many tokens, cached ones included"
    )
    input = models.DecimalField(**USD_PER_MTOK)
    output = models.DecimalField(**USD_PER_MTOK)
    cache_write_5m = models.DecimalField(**USD_PER_MTOK)
    cache_write_1h = models.DecimalField(**USD_PER_MTOK)
    cache_read = models.DecimalField(**USD_PER_MTOK)
    source = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ("model", "effective_from", "above_prompt_tokens")
        constraints = (
            models.UniqueConstraint(
                fields=("model", "effective_from", "above_prompt_tokens"), name="price_once_per_day_and_tier"
            ),
            models.CheckConstraint(
                condition=Q(
                    input__gte=0, output__gte=0, cache_write_5m__gte=0, cache_write_1h__gte=0, cache_read__gte=0
                ),
                name="price_not_negative",
            ),
        )

    def __str__(self) -> str:
        return f"{self.model} from {self.effective_from}"

    @property
    def price(self) -> Price:
        return Price(
            model=self.model,
            input=self.input,
            output=self.output,
            cache_write_5m=self.cache_write_5m,
            cache_write_1h=self.cache_write_1h,
            cache_read=self.cache_read,
            above_prompt_tokens=self.above_prompt_tokens,
            effective_from=self.effective_from,
        )


class LimitRelease(models.Model):
    """An admin let more money go on one date than the limit allows: an amount on top, or all of it."""

    scope = models.CharField(max_length=8, choices=LimitScope.choices())
    date = models.DateField(help_text="The night's date, or the local day of real-time calls")
    amount_usd = models.DecimalField(**USD, null=True, blank=True, help_text="On top of it; empty: no limit")
    by = models.CharField(max_length=150)
    at = models.DateTimeField(auto_now_add=True)
    why = models.CharField(max_length=200)

    class Meta:
        ordering = ("-id",)
        indexes = (models.Index(fields=("scope", "date"), name="limit_release_date"),)
        constraints = (
            models.CheckConstraint(
                condition=Q(amount_usd__isnull=True) | Q(amount_usd__gt=0), name="limit_release_is_more"
            ),
        )

    def __str__(self) -> str:
        amount = "everything" if self.amount_usd is None else f"${self.amount_usd.normalize():f} more"
        return f"{amount} for the {self.scope} limit of {self.date}"
