"""What was saved, on what, and what it would have cost: sums over the spend tallies, by day of the site's zone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum
from django.utils import timezone

from labeling.models import ModelPrice, Result, SpendTally
from labeling.states import FailureReason, Lane

NOTHING = Decimal(0)
LONGEST_BY_DAY = 31
PERIODS = {"week": "Week", "month": "Month", "quarter": "Quarter", "year": "Year"}
UNITS = {"day": "Day", "week": "Week", "month": "Month"}
GROUPS = {"task": "Task", "model": "Model", "account": "Account"}
_KEYS = {"task": "version__task__name", "model": "model", "account": "account__base_url"}
CSV_HEADER = (
    "day", "task", "task_version", "model", "account", "lane", "results", "usable", "results_without_price",
    "input_tokens", "output_tokens", "real_time_price_usd", "paid_usd", "saved_usd", "paid_without_label_usd",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Amounts:
    """In USD: the price in real time, and what was paid in batches and in real time."""

    list_usd: Decimal
    batch_usd: Decimal
    urgent_usd: Decimal

    @property
    def paid_usd(self) -> Decimal:
        return self.batch_usd + self.urgent_usd

    @property
    def saved_usd(self) -> Decimal:
        return self.list_usd - self.paid_usd


@dataclass(frozen=True, slots=True)
class Money(Amounts):
    """Sums; results without a known price are counted in `unpriced` and are in no sum."""

    results: int
    usable: int
    unpriced: int
    wasted_usd: Decimal
    withdrawn_usd: Decimal
    superseded_usd: Decimal


@dataclass(frozen=True, slots=True)
class Bar(Amounts):
    label: str
    day: date
    results: int
    is_today: bool


@dataclass(frozen=True, slots=True)
class Wasted:
    """Paid answers that were of no use, for one reason."""

    reason: FailureReason
    answers: int
    paid_usd: Decimal


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    money: Money


@dataclass(frozen=True, slots=True)
class Savings:
    period: str
    group: str
    first: date
    last: date
    money: Money
    bars: Sequence[Bar]
    bar_unit: str
    groups: Sequence[Group]

    @property
    def sentence(self) -> str:
        return (
            f"Paid and real-time price by {self.bar_unit}, {self.first} to {self.last}: "
            f"{sum(1 for bar in self.bars if bar.results)} {self.bar_unit}s with answers"
        )


def savings(today: date, *, period: str, group: str, unit: str = "") -> Savings:
    """`today` in the site's zone; a bar for each `unit`, by itself days up to a month and weeks above.

    One query for the bars, one for the groups; everything else is summed from them.
    """
    first, last = _period(today, period)
    tallies = SpendTally.objects.filter(day__gte=first, day__lte=last).order_by()
    by_day: dict[date, Any] = {row["day"]: row for row in tallies.values("day").annotate(**_SUMS)}
    groups = _groups(tallies, group)
    unit = unit or ("week" if (last - first).days > LONGEST_BY_DAY else "day")
    return Savings(
        period=period,
        group=group,
        first=first,
        last=last,
        money=_money(list(by_day.values())),
        bars=_bars(first, last, today, {day: _money([row]) for day, row in by_day.items()}, unit),
        bar_unit=unit,
        groups=groups,
    )


def wasted(today: date, zone: tzinfo, *, period: str) -> list[Wasted]:
    """Paid for answers of the period that brought no usable label, by cause; the dearest first.

    By when the answer came; an index of its own holds only such answers.
    """
    first, last = _period(today, period)
    since, until = (datetime.combine(day, time(0), tzinfo=zone) for day in (first, last + timedelta(days=1)))
    rows = (
        Result.objects.filter(usable=False, paid_usd__gt=0, created_at__gte=since, created_at__lt=until)
        .order_by()
        .values_list("failure_reason")
        .annotate(n=Count("pk"), usd=Sum("paid_usd"))
    )
    known = [Wasted(FailureReason(reason), n, usd) for reason, n, usd in rows if reason in set(FailureReason)]
    return sorted(known, key=lambda row: -row.paid_usd)


def prices_today() -> dict[str, tuple[Decimal, Decimal]]:
    """USD per million tokens in and out of each model, of its first tier, as in effect today."""
    rows = ModelPrice.objects.filter(above_prompt_tokens=0, effective_from__lte=timezone.now().date())
    return {row.model: (row.input.normalize(), row.output.normalize()) for row in rows.order_by("effective_from")}


def rows_for_csv(today: date, *, period: str) -> Iterator[tuple[object, ...]]:
    """The tallies of the period, summed by day, version, model, account and lane; amounts with full precision."""
    first, last = _period(today, period)
    yield CSV_HEADER
    keys = ("day", "version__task__slug", "version__number", "model", "account__base_url", "lane")
    rows = SpendTally.objects.filter(day__gte=first, day__lte=last).values_list(*keys).annotate(
        Sum("results"), Sum("usable"), Sum("unpriced"), Sum("prompt_tokens"), Sum("output_tokens"),
        Sum("list_usd"), Sum("paid_usd"), Sum("wasted_usd"),
    ).order_by(*keys)  # fmt: skip
    for row in rows.iterator():
        *start, list_usd, paid_usd, wasted = row
        yield (*start, *(f"{amount:f}" for amount in (list_usd, paid_usd, list_usd - paid_usd, wasted)))


_SUMS = {
    "n": Sum("results"),
    "usable_n": Sum("usable"),
    "unpriced_n": Sum("unpriced"),
    "list_sum": Sum("list_usd"),
    "paid_sum": Sum("paid_usd"),
    "wasted_sum": Sum("wasted_usd"),
    "withdrawn_sum": Sum("withdrawn_usd"),
    "superseded_sum": Sum("superseded_usd"),
    "urgent_paid": Sum("paid_usd", filter=Q(lane=Lane.URGENT)),
}


def _money(rows: Sequence[Mapping[str, Any]]) -> Money:
    def total(name: str) -> Any:
        return sum((row[name] or 0 for row in rows), start=NOTHING)

    urgent = total("urgent_paid")
    return Money(
        results=int(total("n")),
        usable=int(total("usable_n")),
        unpriced=int(total("unpriced_n")),
        list_usd=total("list_sum"),
        batch_usd=total("paid_sum") - urgent,
        urgent_usd=urgent,
        wasted_usd=total("wasted_sum"),
        withdrawn_usd=total("withdrawn_sum"),
        superseded_usd=total("superseded_sum"),
    )


def _groups(tallies: QuerySet[SpendTally], group: str) -> list[Group]:
    key = _KEYS[group]
    rows = list(tallies.values(key).annotate(**_SUMS))
    groups = [Group(row[key] or "not told", _money([row])) for row in rows]
    return sorted(groups, key=lambda row: (-row.money.list_usd, row.name))


def _period(today: date, period: str) -> tuple[date, date]:
    """Running week (from Monday), month, quarter or year, to today."""
    if period == "week":
        return today - timedelta(days=today.weekday()), today
    if period == "quarter":
        return today.replace(month=(today.month - 1) // 3 * 3 + 1, day=1), today
    if period == "year":
        return today.replace(month=1, day=1), today
    return today.replace(day=1), today


def _bars(first: date, last: date, today: date, by_day: dict[date, Money], unit: str) -> list[Bar]:
    """A bar for each day, week (from its Monday) or month, cut at the ends of the period."""
    days: dict[date, list[Money]] = {}
    day = first
    while day <= last:
        start = max(first, _begin_of(unit, day))
        days.setdefault(start, [])
        if day in by_day:
            days[start].append(by_day[day])
        day += timedelta(days=1)
    newest = max(days)
    return [_bar(start, moneys, is_today=start == newest and last == today) for start, moneys in days.items()]


def _begin_of(unit: str, day: date) -> date:
    if unit == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if unit == "month" else day


def _bar(start: date, moneys: Sequence[Money], *, is_today: bool) -> Bar:
    return Bar(
        label=f"{start.day} {start:%b}",
        day=start,
        list_usd=sum((money.list_usd for money in moneys), NOTHING),
        batch_usd=sum((money.batch_usd for money in moneys), NOTHING),
        urgent_usd=sum((money.urgent_usd for money in moneys), NOTHING),
        results=sum(money.results for money in moneys),
        is_today=is_today,
    )
