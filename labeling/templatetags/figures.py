"""Numbers, money, times and durations as people read them. Missing is –, unknown is said, zero is 0."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_UP, ROUND_UP, Decimal
from typing import Any

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from labeling.models import Batch
from labeling.money.estimating import Estimate, Span
from labeling.states import Way

register = template.Library()

MISSING = "–"
ONE, CENT = Decimal(1), Decimal("0.01")
IRREGULAR = {
    "address": "addresses",
    "batch": "batches",
    "open batch": "open batches",
    "copy": "copies",
    "try": "tries",
    "is": "are",
    "waits": "wait",
    "was": "were",
    "goes": "go",
    "carries": "carry",
}


@register.filter
def count(number: int | None) -> str:
    return MISSING if number is None else f"{int(number):,}"


@register.filter
def at(found: Mapping[Any, Any], key: Any) -> Any:
    """What stands under a key; an empty list where nothing does."""
    return found.get(key, [])


@register.filter
def noun(number: int, word: str) -> str:
    """The count with its noun: `1 document`, `2 documents`."""
    return f"{int(number):,} {plural(number, word)}"


@register.filter
def plural(number: int, word: str) -> str:
    return word if number == 1 else IRREGULAR.get(word, f"{word}s")


@register.filter
def millions(number: int | None) -> str:
    """Above ten million in prose: `23.0 M`."""
    if number is None:
        return MISSING
    return f"{number / 1_000_000:,.1f} M" if number >= 10_000_000 else f"{int(number):,}"


@register.filter
def usd(amount: Decimal | None) -> str:
    """`$27.58`; under a cent up to five digits; an unknown price is unknown."""
    if amount is None:
        return "not known"
    sign, amount = ("−" if amount < 0 else ""), abs(amount)
    if not amount or amount >= CENT:
        return f"{sign}${amount.quantize(CENT, ROUND_HALF_UP):,}"
    small = amount.quantize(Decimal("0.00001"), ROUND_HALF_UP)
    return f"{sign}${small.normalize():f}" if small else f"{sign}under $0.00001"


@register.filter
def about_usd(amount: Decimal | None) -> str:
    return "price not known" if amount is None else f"about {usd(amount)}"


@register.filter
def about_price(span: Span | None) -> str:
    """`about $2.10`, `$0.40 to at most $3.10` where answers are not known yet, `price not known`; copies are free."""
    if span is None or span.high is None:
        return "price not known"
    if not span.high:
        return "free"
    return f"about {usd(span.likely)}" if span.likely is not None else f"{usd(span.low)} to at most {usd(span.high)}"


@register.filter
def span(span: Span) -> str:
    """The same for a table whose head says that it is an estimate."""
    return "not known yet" if span.high is None else about_price(span).removeprefix("about ")


@register.filter
def price(estimate: Estimate, way: str) -> Span:
    """What an estimate says about one of the ways to leave."""
    return estimate.price(Way(way))


@register.filter
def how_sure(estimate: Estimate) -> str:
    """`from the answers of this very version, so far within 4%`."""
    error = estimate.error
    sure = "" if error is None else f", so far within {(error * 100).quantize(ONE, ROUND_UP).normalize():f}%"
    unknown = "; how long the answers are is not known yet" if estimate.output_tokens is None else ""
    return f"{estimate.basis.sentence}{sure}{unknown}"


@register.filter
def own_part(custom_id: str) -> str:
    """What the custom_ids of one batch do not share: `…-40912-1f3a9c0e`; the installation and the token lead all."""
    return f"…-{'-'.join(custom_id.split('-')[2:])}"


@register.filter
def cause_words(reason: str) -> str:
    """A machine name in words: `not a label`."""
    return str(reason).replace("_", " ").capitalize()


@register.filter
def off_by(error: Decimal) -> str:
    """How far an estimate was off: `3% more`, `12% less`."""
    percent = (abs(error) * 100).quantize(ONE, ROUND_HALF_UP)
    return f"{percent}% {'more' if error > 0 else 'less'}"


@register.simple_tag
def thousand(each: Decimal) -> str:
    """The price of a thousand."""
    return usd(each * 1000)


@register.simple_tag
def preview_rows(inspection: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """The first rows of a file, each cell with whether it is the text."""
    columns, text = inspection.get("columns", []), inspection.get("text_column")
    return [
        [{"value": value, "is_text": column == text} for column, value in zip(columns, row, strict=False)]
        for row in inspection.get("preview", [])[:6]
    ]


@register.simple_tag
def likely_text(inspection: dict[str, Any]) -> str | None:
    """The column that holds the text, and until that is known the one whose first rows are longest."""
    columns: list[str] = inspection.get("columns") or []
    chosen: str | None = inspection.get("text_column")
    lengths = [sum(map(len, cells)) for cells in zip(*inspection.get("preview") or [], strict=False)]
    return chosen or (columns[lengths.index(max(lengths))] if lengths else None)


@register.simple_tag
def saved(batch: Batch) -> str:
    return usd(batch.list_usd - batch.paid_usd)


@register.simple_tag
def took(batch: Batch, now: datetime) -> str:
    """Time at the API, so far where it is there still."""
    return duration((batch.ended_at or now) - batch.created_at) if batch.created_at else MISSING


@register.simple_tag
def not_succeeded(batch: Batch) -> str:
    """In words: `245 expired, 224 errored`."""
    missed = ((batch.errored, "errored"), (batch.expired, "expired"), (batch.canceled, "canceled"))
    return ", ".join(f"{n:,} {word}" for n, word in missed if n) or "none"


@register.filter
def share(part: int | Decimal, whole: int | Decimal) -> str:
    """Percent of a whole, floored to a tenth, so that 99.997 is never 100."""
    if not whole:
        return MISSING
    percent = (Decimal(part) * 100 / Decimal(whole)).quantize(Decimal("0.1"), ROUND_DOWN)
    return f"{percent.normalize():f}%" if percent == percent.to_integral() else f"{percent}%"


@register.filter
def points(change: Decimal | None) -> str:
    """Percentage points up or down, to a tenth: `+1.2`, `−0.4`, `0`."""
    if change is None:
        return MISSING
    rounded = change.quantize(Decimal("0.1"), ROUND_HALF_UP)
    return "0" if not rounded else f"{'+' if rounded > 0 else '−'}{abs(rounded)}"


@register.filter
def size(number: int | None) -> str:
    """Bytes in the unit that leaves one to three digits before the point."""
    if number is None:
        return MISSING
    amount, unit = Decimal(number), "bytes"
    for bigger in ("kB", "MB", "GB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, bigger
    return f"{number:,} {unit}" if unit == "bytes" else f"{amount.quantize(Decimal('0.1')):f} {unit}"


@register.filter
def duration(length: timedelta | None) -> str:
    """`7 h 28 m`, `51 m`, `3 s`; days only from two on."""
    if length is None:
        return MISSING
    seconds = max(0, int(length.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    minutes, hours = seconds // 60 % 60, seconds // 3600
    if hours >= 48:
        return f"{hours // 24} d {hours % 24} h"
    if not hours:
        return f"{minutes} m"
    return f"{hours} h {minutes:02} m" if minutes else f"{hours} h"


@register.filter
def duration_units(length: timedelta | None) -> str | SafeString:
    """The same with small units, for large figures."""
    words = duration(length).split()
    pairs = zip(words[::2], words[1::2], strict=False)
    return format_html_join(" ", "{}<small>{}</small>", pairs) if len(words) > 1 else " ".join(words)


@register.filter
def clock(at: datetime | None) -> str | SafeString:
    """A point in time as near as it is: 14:32, Wed 22:00, 17 Nov, 17 Nov 2025; in full in its title."""
    if at is None:
        return MISSING
    local = timezone.localtime(at)
    return _time_element(local, _near(local))


def clock_text(at: datetime) -> str:
    """The same without markup, for sentences."""
    return _near(timezone.localtime(at))


@register.filter
def clock_seconds(at: datetime | None) -> str | SafeString:
    """The same to the second, for timelines."""
    if at is None:
        return MISSING
    local = timezone.localtime(at)
    day = _near(local)
    words = f"{local:%H:%M:%S}" if day == f"{local:%H:%M}" else f"{date_format(local, 'D j M')} {local:%H:%M:%S}"
    return _time_element(local, words)


@register.filter
def day(at: Any) -> str:
    """A date in words: `Thursday 19 November`."""
    return date_format(at, "l j F")


@register.filter
def until(at: datetime) -> timedelta:
    """How long it is until then; never negative."""
    return max(timedelta(0), at - timezone.now())


@register.filter
def later(at: datetime, length: timedelta) -> datetime:
    return at + length


@register.filter
def since(at: datetime) -> timedelta:
    return max(timedelta(0), timezone.now() - at)


def _near(local: datetime) -> str:
    today = timezone.localtime().date()
    days = abs((today - local.date()).days)
    if not days:
        return f"{local:%H:%M}"
    if days < 7:
        return f"{date_format(local, 'D')} {local:%H:%M}"
    return date_format(local, "j M" if local.year == today.year else "j M Y")


def _time_element(local: datetime, words: str) -> SafeString:
    full = f"{date_format(local, 'l j F Y')}, {local:%H:%M:%S} {local.tzname()}"
    return format_html('<time datetime="{}" title="{}">{}</time>', local.isoformat(timespec="seconds"), full, words)
