"""All nights, newest first: what each sent and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import Count, Max, Q, Sum

from labeling.models import Night
from labeling.states import BatchState

PAGE = 31
_OPEN = Q(batches__state__in=BatchState.open())
_SENT = Q(batches__message_batch_id__isnull=False)
_BACK = Q(batches__state=BatchState.INGESTED)


@dataclass(frozen=True, slots=True)
class NightLine:
    """Requests and USD of the batches of one night; `answered` counts only batches whose results are stored."""

    night: Night
    batches: int
    open_batches: int
    sent: int
    answered: int
    labeled: int
    last_back: datetime | None
    list_usd: Decimal
    paid_usd: Decimal

    @property
    def saved_usd(self) -> Decimal:
        return self.list_usd - self.paid_usd

    @property
    def not_labeled(self) -> int:
        return self.answered - self.labeled


@dataclass(frozen=True, slots=True)
class NightPage:
    lines: Sequence[NightLine]
    older: date | None


def night_page(before: date | None) -> NightPage:
    """The nights before a date, or the newest; two queries."""
    rows = Night.objects.filter(date__lt=before) if before else Night.objects.all()
    shown = list(rows.order_by("-date")[: PAGE + 1])
    nights = shown[:PAGE]
    sums = {
        row["pk"]: row
        for row in Night.objects.filter(pk__in=[night.pk for night in nights])
        .order_by()
        .values("pk")
        .annotate(
            n=Count("batches"),
            open=Count("batches", filter=_OPEN),
            sent=Sum("batches__request_total", filter=_SENT),
            answered=Sum("batches__request_total", filter=_BACK),
            labeled=Sum("batches__usable_results", filter=_BACK),
            last_back=Max("batches__ingested_at"),
            list_usd=Sum("batches__list_usd"),
            paid_usd=Sum("batches__paid_usd"),
        )
    }
    older = nights[-1].date if len(shown) > PAGE else None
    return NightPage([_line(night, sums[night.pk]) for night in nights], older)


def _line(night: Night, sums: Any) -> NightLine:
    return NightLine(
        night=night,
        batches=sums["n"] or 0,
        open_batches=sums["open"] or 0,
        sent=sums["sent"] or 0,
        answered=sums["answered"] or 0,
        labeled=sums["labeled"] or 0,
        last_back=sums["last_back"],
        list_usd=sums["list_usd"] or Decimal(0),
        paid_usd=sums["paid_usd"] or Decimal(0),
    )
