"""Our own SVG: geometry that depends on data lives in attributes, because no style attribute is allowed."""

from collections.abc import Sequence
from decimal import Decimal

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from labeling.models import Batch
from labeling.reports.batches import NEARLY_THE_LIMIT, outcome_parts
from labeling.reports.decisions import FailedNight
from labeling.reports.rail import LIMIT, Rail, RailRow
from labeling.reports.savings import Bar

from .figures import usd

register = template.Library()

_FILLS = {
    "ok": 'class="f-ok"',
    "err": 'class="f-err"',
    "rt": 'class="f-rt"',
    "batch": 'class="f-proc"',
    "wait": 'class="f-wait"',
    "exp": 'fill="url(#p-exp)"',
    "can": 'fill="url(#p-can)"',
    "proc": 'fill="url(#p-proc)"',
}
_NARROWEST = Decimal("1.4")
_NARROWEST_IN_ROWS = Decimal(3)


@register.simple_tag
def seg(parts: Sequence[tuple[str, int, str]], size: str = "") -> SafeString:
    """A segmented bar of (fill, count, word); a part that is not zero always shows, its count stands beside it."""
    counted = [(fill, number, word) for fill, number, word in parts if number > 0]
    label = ", ".join(f"{number:,} {word}" for _, number, word in counted) or "nothing yet"
    least = _NARROWEST_IN_ROWS if size == "sm" else _NARROWEST
    x = Decimal(0)
    rects = []
    for (fill, _, _), width in zip(counted, _widths([n for _, n, _ in counted], least), strict=True):
        rects.append((f"{x:.2f}", f"{width:.2f}", mark_safe(_FILLS[fill])))  # noqa: S308
        x += width
    drawn = format_html_join("", '<rect x="{}%" width="{}%" height="100%" {}/>', rects)
    return format_html('<svg class="seg {}" role="img" aria-label="{}">{}</svg>', size, label, drawn)


@register.simple_tag
def batch_seg(batch: Batch) -> SafeString:
    """The five counts of a batch; before it ends nothing is known, so nothing is said."""
    if batch.message_batch_id is None:
        return format_html('<span class="muted">{}</span>', "–")
    return seg(outcome_parts(batch), "sm")


@register.simple_tag
def share_bar(part: int, whole: int) -> SafeString:
    """A share of a whole, beside its figures."""
    width = max(0.6, part / whole * 100) if whole else 0.0
    return format_html(
        '<svg class="share" aria-hidden="true"><rect width="{}%" height="100%" rx="2"/></svg>', f"{width:.2f}"
    )


def _widths(counts: Sequence[int], least: Decimal) -> list[Decimal]:
    """Percentages that sum to 100 and are never under the least; what the small ones take, the large ones give."""
    whole = sum(counts)
    if not whole:
        return []
    raw = [Decimal(n) * 100 / whole for n in counts]
    small = [width < least for width in raw]
    left = 100 - least * sum(small)
    large = sum((width for width, is_small in zip(raw, small, strict=True) if not is_small), Decimal(0))
    return [least if is_small else width * left / large for width, is_small in zip(raw, small, strict=True)]


@register.simple_tag
def rail_axis(rail: Rail) -> SafeString:
    ticks = format_html_join(
        "",
        '<text class="tick" x="{}%" y="20" text-anchor="middle">{}</text>',
        ((_at(tick.place), tick.label) for tick in rail.ticks if abs(tick.place - rail.now) > 6),
    )
    return format_html(
        '<svg role="img" aria-label="{}">{}'
        '<text class="nowlbl" x="{}%" y="20" text-anchor="middle">{} now</text></svg>',
        rail.sentence,
        ticks,
        _at(rail.now),
        rail.now_label,
    )


@register.simple_tag
def rail_row(rail: Rail, row: RailRow) -> SafeString:
    """Solid is the time that passed, dashed the way to the usual finish, amber past it, the dots lead to the limit."""
    nights = format_html_join(
        "", '<rect class="night" x="{}%" width="{}%" height="100%"/>', ((_at(a), _at(b - a)) for a, b in rail.nights)
    )
    hours = format_html_join(
        "", '<line class="hour" x1="{0}%" x2="{0}%" y1="0" y2="100%"/>', ((_at(tick.place),) for tick in rail.ticks)
    )
    bars = format_html_join(
        "",
        '<rect class="{}" x="{}%" width="{}%" y="38%" height="24%" rx="2"/>',
        ((bar.kind, _at(bar.start), _at(max(0.5, bar.end - bar.start))) for bar in row.bars),
    )
    limit = (
        format_html(
            '<line class="due" x1="{}%" x2="{}%" y1="56%" y2="56%"/>'
            '<line class="end" x1="{}%" x2="{}%" y1="24%" y2="76%"/>'
            '<text class="endlbl" x="{}%" y="36%" text-anchor="end">{}</text>',
            _at(rail.now + 1),
            _at(row.limit - 1),
            _at(row.limit),
            _at(row.limit),
            _at(row.limit - 1),
            row.limit_label,
        )
        if row.limit is not None
        else ""
    )
    now = format_html('<line class="now" x1="{0}%" x2="{0}%" y1="0" y2="100%"/>', _at(rail.now))
    return format_html(
        '<svg role="img" aria-label="{}">{}{}{}{}{}</svg>', row.sentence, nights, hours, bars, limit, now
    )


def _at(place: float) -> str:
    return f"{min(100.0, max(0.0, place)):.2f}"


_CHART_TOP, _CHART_HEIGHT, _CHART_LEFT = 10, 200, 5.5
_NIGHTS_HEIGHT = 80


@register.simple_tag
def night_bars(nights: Sequence[FailedNight], sentence: str) -> SafeString:
    """A bar per night with its number above; the last one is marked, some are dated."""
    highest = max([1, *(night.requests for night in nights)])
    width = 100 / max(1, len(nights))
    bars = [
        (place * width, night, max(1.0, night.requests / highest * _NIGHTS_HEIGHT))
        for place, night in enumerate(nights)
    ]
    drawn = format_html_join(
        "",
        '<g class="d"><title>{}: {}</title><rect class="{}" x="{}%" width="{}%" y="{}" height="{}" rx="2"/>'
        '<text x="{}%" y="{}" text-anchor="middle">{}</text><text x="{}%" y="{}" text-anchor="middle">{}</text></g>',
        (
            (
                f"{night.date:%-d %b}",
                f"{night.requests:,}",
                "failed last" if night is nights[-1] else "failed",
                f"{x + width * 0.14:.2f}",
                f"{width * 0.72:.2f}",
                f"{_NIGHTS_HEIGHT + 16 - height:.1f}",
                f"{height:.1f}",
                f"{x + width / 2:.2f}",
                f"{_NIGHTS_HEIGHT + 12 - height:.1f}",
                f"{night.requests:,}",
                f"{x + width / 2:.2f}",
                _NIGHTS_HEIGHT + 34,
                f"{night.date:%-d %b}" if (len(nights) - 1 - place) % 4 == 0 else "",
            )
            for place, (x, night, height) in enumerate(bars)
        ),
    )
    return format_html(
        '<svg class="chart" height="{}" role="img" aria-label="{}">{}</svg>', _NIGHTS_HEIGHT + 40, sentence, drawn
    )


@register.simple_tag
def ghost_bars(bars: Sequence[Bar], sentence: str) -> SafeString:
    """Outline: the real-time price; fill: what was paid, in batches and urgently; the empty part was kept."""
    top = _nice_top(max((bar.list_usd for bar in bars), default=Decimal(0)))
    width = (100 - _CHART_LEFT) / max(1, len(bars))
    lines = format_html_join(
        "",
        '<line class="grid" x1="{}%" x2="100%" y1="{}" y2="{}"/><text x="0" y="{}">{}</text>',
        ((_CHART_LEFT, y, y, y + 4, label) for y, label in _grid(top)),
    )
    drawn = format_html_join(
        "", "{}", ((_ghost_bar(bar, place, width, top, len(bars)),) for place, bar in enumerate(bars))
    )
    height = _CHART_TOP + _CHART_HEIGHT + 24
    return format_html(
        '<svg class="chart" height="{}" role="img" aria-label="{}">{}{}</svg>', height, sentence, lines, drawn
    )


def _ghost_bar(bar: Bar, place: int, width: float, top: Decimal, bars: int) -> SafeString:
    x, w = _CHART_LEFT + place * width + width * 0.14, width * 0.72
    base = _CHART_TOP + _CHART_HEIGHT
    whole, batch, urgent = (_height(amount, top) for amount in (bar.list_usd, bar.batch_usd, bar.urgent_usd))
    rects = [("ghost", base - whole, whole), ("f-proc", base - batch, batch), ("f-rt", base - batch - urgent, urgent)]
    drawn = format_html_join(
        "",
        '<rect class="{}" x="{}%" width="{}%" y="{}" height="{}" rx="2"/>',
        ((kind, f"{x:.2f}", f"{w:.2f}", f"{y:.1f}", f"{h:.1f}") for kind, y, h in rects if h > 0),
    )
    every = max(1, bars // 8)
    shown = bar.is_today or (place % every == 0 and not (bars - place <= every and bars > 8))
    label = (
        format_html(
            '<text class="{}" x="{}%" y="{}" text-anchor="middle">{}</text>',
            "today" if bar.is_today else "second" if place // every % 2 else "",
            f"{x + w / 2:.2f}",
            base + 18,
            bar.label,
        )
        if shown
        else ""
    )
    title = f"{bar.label}: real-time price {usd(bar.list_usd)}, paid {usd(bar.batch_usd + bar.urgent_usd)}"
    return format_html('<g class="d"><title>{}</title>{}{}</g>', title, drawn, label)


def _height(amount: Decimal, top: Decimal) -> float:
    return float(amount / top * _CHART_HEIGHT) if top else 0.0


def _grid(top: Decimal) -> list[tuple[float, str]]:
    steps = 4
    return [
        (_CHART_TOP + _CHART_HEIGHT * (1 - step / steps), _axis_label(top * step / steps)) for step in range(steps + 1)
    ]


def _axis_label(amount: Decimal) -> str:
    return f"${amount:,.0f}" if amount == amount.to_integral() else usd(amount)


def _nice_top(highest: Decimal) -> Decimal:
    """The next of 1, 2, 4, 5, 8, 10 times a power of ten: a scale that divides into quarters."""
    if not highest:
        return Decimal(1)
    power = Decimal(10) ** highest.adjusted()
    return next(power * step for step in (1, 2, 4, 6, 8, 10) if power * step >= highest)


@register.simple_tag
def meter(part: int, whole: int, kind: str) -> SafeString:
    """What is paid, drawn inside the outline of the real-time price."""
    width = part / whole * 99
    return format_html(
        '<span class="bar"><svg aria-hidden="true">'
        '<rect class="ghost" x=".5%" width="99%" y=".75" height="6.5" rx="3.25"/>'
        '<rect class="f-{}" x=".5%" width="{}%" y=".75" height="6.5" rx="3.25"/></svg></span>',
        kind,
        f"{width:.1f}",
    )


@register.simple_tag
def time_bar(batch: Batch) -> SafeString:
    """How much of its 24 hours a batch took; amber where it used nearly all of them."""
    if not (batch.created_at and batch.ended_at):
        return format_html('<span class="muted">{}</span>', "–")
    part = min(1.0, (batch.ended_at - batch.created_at) / LIMIT)
    return format_html(
        '<span class="bar"><svg aria-hidden="true">'
        '<rect class="ghost" x=".5%" width="99%" y=".75" height="6.5" rx="3.25"/>'
        '<rect class="f-{}" x=".5%" width="{}%" y=".75" height="6.5" rx="3.25"/></svg></span>',
        "exp" if batch.ended_at - batch.created_at > NEARLY_THE_LIMIT else "ok",
        f"{max(1.0, part * 99):.1f}",
    )


@register.simple_tag
def spark(numbers: Sequence[int | Decimal], sentence: str) -> SafeString:
    """Small bars, the last one marked; a night without anything keeps its place."""
    highest, width = max(float(n) for n in [*numbers, 1]), 100 / max(1, len(numbers))
    drawn = "".join(
        f'<rect class="{"bar last" if place == len(numbers) - 1 else "bar"}" x="{place * width:.2f}%" '
        f'width="{width * 0.68:.2f}%" y="{22 - height:.1f}" height="{height:.1f}" rx="1"/>'
        for place, number in enumerate(numbers)
        for height in (max(1.0, float(number) / highest * 22),)
    )
    return format_html(
        '<span class="spark"><svg role="img" aria-label="{}">{}</svg></span>',
        sentence,
        mark_safe(drawn),  # noqa: S308 - numbers alone
    )
