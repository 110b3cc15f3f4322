"""The rail of a night as SVG: one axis, a lane per upload or task, a tick per batch that is back."""

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from labeling.reports.lanes import Lane, Lanes

register = template.Library()

NEAR_NOW = 15
"""Percent of the axis: an hour nearer to now than this is not written."""


@register.simple_tag
def lanes_axis(lanes: Lanes) -> SafeString:
    shown = [tick for tick in lanes.ticks if lanes.now is None or abs(tick.place - lanes.now) > NEAR_NOW]
    hours = format_html_join(
        "",
        '<text class="tick" x="{}%" y="20" text-anchor="middle">{}</text>',
        ((at(tick.place), tick.label) for tick in shown),
    )
    now = (
        format_html(
            '<text class="nowlbl" x="{}%" y="20" text-anchor="middle">{} now</text>', at(lanes.now), lanes.now_label
        )
        if lanes.now is not None
        else ""
    )
    return format_html('<svg role="img" aria-label="{}">{}{}</svg>', lanes.sentence, hours, now)


@register.simple_tag
def lane_row(lanes: Lanes, lane: Lane) -> SafeString:
    """Solid is the time that passed, dashed the way to the usual finish, amber past it; ticks are batches back."""
    nights = format_html_join(
        "",
        '<rect class="night" x="{}%" width="{}%" height="100%"/>',
        ((at(a), at(b - a)) for a, b in lanes.nights),
    )
    hours = format_html_join(
        "", '<line class="hour" x1="{0}%" x2="{0}%" y1="0" y2="100%"/>', ((at(tick.place),) for tick in lanes.ticks)
    )
    bars = format_html_join(
        "",
        '<rect class="{}" x="{}%" width="{}%" y="40%" height="20%" rx="2"/>',
        ((bar.kind, at(bar.start), at(max(0.5, bar.end - bar.start))) for bar in lane.bars),
    )
    ticks = format_html_join(
        "",
        '<line class="back {}" x1="{}%" x2="{}%" y1="24%" y2="76%"/>',
        ((tick.kind, at(tick.place), at(tick.place)) for tick in lane.ticks),
    )
    now = (
        format_html('<line class="now" x1="{0}%" x2="{0}%" y1="0" y2="100%"/>', at(lanes.now))
        if lanes.now is not None
        else ""
    )
    return format_html(
        '<svg role="img" aria-label="{}">{}{}{}{}{}{}</svg>',
        lane.sentence, nights, hours, bars, ticks, _limit(lanes, lane), now,
    )  # fmt: skip


def _limit(lanes: Lanes, lane: Lane) -> SafeString | str:
    """The dots lead from now to the red mark of the 24-hour limit."""
    if lane.limit is None or lanes.now is None:
        return ""
    return format_html(
        '<line class="due" x1="{}%" x2="{}%" y1="56%" y2="56%"/>'
        '<line class="end" x1="{}%" x2="{}%" y1="24%" y2="76%"/>'
        '<text class="endlbl" x="{}%" y="36%" text-anchor="end">{}</text>',
        at(lanes.now + 1),
        at(lane.limit - 1),
        at(lane.limit),
        at(lane.limit),
        at(lane.limit - 1),
        lane.limit_label,
    )


def at(place: float) -> str:
    return f"{min(100.0, max(0.0, place)):.2f}"
