"""Accuracy drawn as what it is: a range on an axis, with the point in it."""

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from labeling.reports.trying import Score, Tried

register = template.Library()

_STEPS = 4


@register.simple_tag
def scale(seen: Tried) -> int:
    """Where the common axis of both ranges begins, in percent: a multiple of twenty."""
    lows = [score.range.low for score in (seen.score, seen.score_now) if score.range]
    return min(80, int(min(lows, default=0) // 20 * 20))


@register.simple_tag
def interval(score: Score, start: int, kind: str = "", *, axis: bool = False) -> SafeString:
    """The range of a score between `start` and 100 percent; `kind` old is drawn quietly."""
    found = score.range
    if found is None:
        return mark_safe("")
    span = 100 - start
    at = [f"{(value - start) / span * 100:.1f}" for value in (found.low, found.high, 100 * score.equal / score.of)]
    ticks = format_html_join(
        "",
        '<text x="{}%" y="28" text-anchor="{}">{}%</text>',
        (
            (100 * n // _STEPS, "start" if n == 0 else "end" if n == _STEPS else "middle", start + span * n // _STEPS)
            for n in range(_STEPS + 1)
        )
        if axis
        else (),
    )
    return format_html(
        '<svg class="acc{}" role="img" aria-label="{} of {} equal to gold, somewhere between {}">'
        '<line class="ax" x1="0" x2="100%" y1="10" y2="10"/><line class="ci {}" x1="{}%" x2="{}%" y1="10" y2="10"/>'
        '<circle class="pt {}" cx="{}%" cy="10" r="5"/>{}</svg>',
        "" if axis else " bare",
        score.equal,
        score.of,
        str(found),
        kind,
        at[0],
        at[1],
        kind,
        at[2],
        ticks,
    )
