"""Money: what models cost from which day on, and what was spent."""

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import F, QuerySet, Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from labeling import activity
from labeling.models import AnswerTally, LimitRelease, ModelPrice, SpendTally, UploadEstimate
from labeling.money.pricing import PRICE_DECIMALS

from .base import LookAdmin, may

COLUMNS = ("input", "output", "cache_write_5m", "cache_write_1h", "cache_read")
FIELDS = ("model", "effective_from", "above_prompt_tokens", *COLUMNS, "source")


class PriceForm(forms.ModelForm):  # type: ignore[type-arg]
    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for name in COLUMNS:
            price = cleaned.get(name)
            if price is None:
                continue
            if price < 0:
                self.add_error(name, "A price is not negative.")
            elif price != round(price, PRICE_DECIMALS):
                self.add_error(name, f"At most {PRICE_DECIMALS} decimals, so that every cost is exact.")
        return cleaned


@admin.register(ModelPrice)
class ModelPriceAdmin(LookAdmin):
    """A price that results were booked at stays as it is; a new row from a later day supersedes it."""

    form = PriceForm
    beside = ("standing",)
    list_display = ("id", "model", "effective_from", "above_prompt_tokens", *COLUMNS, "source")
    list_filter = ("model",)
    ordering = ("model", "-effective_from", "above_prompt_tokens")
    sortable_by = ("model", "effective_from")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request, "administer")

    def has_change_permission(self, request: HttpRequest, obj: ModelPrice | None = None) -> bool:
        return may(request, "administer") and (obj is None or not results_booked(obj))

    def has_delete_permission(self, request: HttpRequest, obj: ModelPrice | None = None) -> bool:
        return self.has_change_permission(request, obj)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("standing", *FIELDS) if obj else FIELDS

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("standing",)

    @admin.display(description="standing")
    def standing(self, price: ModelPrice) -> SafeString | str:
        booked = results_booked(price)
        if not booked:
            return "No result was booked at this price yet: it may be changed or deleted."
        values = {name: str(getattr(price, name)) for name in FIELDS if name != "effective_from"}
        return format_html(
            "Results booked while this price was in effect: {}. So it stays as it is. "
            '<a href="{}?{}">Add a row</a> that is in effect from a later day: it supersedes this one.',
            booked,
            reverse("admin:labeling_modelprice_add"),
            urlencode(values),
        )

    def save_model(self, request: HttpRequest, obj: ModelPrice, form: Any, change: bool) -> None:
        before = _written({name: form.initial.get(name) for name in form.changed_data}) if change else {}
        after = _written({name: form.cleaned_data[name] for name in form.changed_data})
        if change and not after:
            return
        with transaction.atomic():
            super().save_model(request, obj, form, change)
            what = "Changed" if change else "Added"
            activity.record(request.user, f"{what} the price of {obj}", _subject(obj), before=before, after=after)
        if booked := results_booked(obj):
            sentence = f"Results of {obj.model} booked since {obj.effective_from}: {booked}. They keep their price."
            self.message_user(request, sentence, messages.WARNING)

    def delete_model(self, request: HttpRequest, obj: ModelPrice) -> None:
        before = _written({name: getattr(obj, name) for name in FIELDS})
        with transaction.atomic():
            activity.record(request.user, f"Deleted the price of {obj}", _subject(obj), before=before, after={})
            super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ModelPrice]) -> None:
        for price in queryset:
            self.delete_model(request, price)


def results_booked(price: ModelPrice) -> int:
    """Priced results of the model while the row was the latest of its tier, whichever tier they had."""
    later = ModelPrice.objects.filter(
        model=price.model, above_prompt_tokens=price.above_prompt_tokens, effective_from__gt=price.effective_from
    )
    superseded_on = later.order_by("effective_from").values_list("effective_from", flat=True).first()
    spent = SpendTally.objects.filter(model=price.model, day__gte=price.effective_from)
    if superseded_on:
        spent = spent.filter(day__lt=superseded_on)
    return int(spent.aggregate(n=Sum(F("results") - F("unpriced")))["n"] or 0)


def _written(values: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items()}


def _subject(price: ModelPrice) -> str:
    return f"price:{price.model}"


@admin.register(SpendTally)
class SpendTallyAdmin(LookAdmin):
    list_display = (
        "id", "day", "version", "model", "account", "lane", "results", "usable", "unpriced", "prompt_tokens",
        "output_tokens", "list_usd", "paid_usd", "wasted_usd", "withdrawn_usd", "superseded_usd",
    )  # fmt: skip
    list_select_related = ("version__task", "account")


@admin.register(AnswerTally)
class AnswerTallyAdmin(LookAdmin):
    list_display = (
        "id", "upload", "version", "answers", "unpriced", "document_bytes", "prompt_tokens", "output_tokens",
        "list_usd", "paid_usd",
    )  # fmt: skip
    list_select_related = ("upload", "version__task")


@admin.register(LimitRelease)
class LimitReleaseAdmin(LookAdmin):
    list_display = ("id", "scope", "date", "amount_usd", "by", "at", "why")
    list_filter = ("scope",)


@admin.register(UploadEstimate)
class UploadEstimateAdmin(LookAdmin):
    list_display = (
        "upload", "counted_at", "rows", "is_whole", "documents", "text_bytes", "sampled", "sample_tokens", "basis",
        "low_usd", "list_usd", "high_usd",
    )  # fmt: skip
    ordering = ("-upload",)
    list_select_related = ("upload",)
