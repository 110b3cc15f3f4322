"""Activity: who did what, when; filters in the address, and the same as CSV."""

from collections.abc import Iterator
from datetime import date

from django.contrib.auth.models import User
from django.http import HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render

from labeling.exports.plain_csv import csv_pieces
from labeling.reports import activity as report
from labeling.reports.activity import Filters, Line
from labeling.reports.paging import a_word

from .door import WebRequest, page
from .reader import shown_zone

MOST_NAMES = 200
HEADER = ("at", "by", "person", "what", "on", "before and after")


@page()
def activity(request: WebRequest) -> HttpResponseBase:
    filters = _filters(request)
    before = report.place_of(request.GET.get("before"))
    context = {
        "filters": filters,
        "found": report.activity_page(filters, shown_zone(request), before),
        "is_first": before is None,
        "who": report.WHO.items(),
        "kinds": report.KINDS.items(),
        "names": User.objects.order_by("username").values_list("username", flat=True)[:MOST_NAMES],
    }
    return render(request, "activity.html", context)


@page()
def activity_csv(request: WebRequest) -> HttpResponseBase:
    """Every line that the filters let through."""
    lines = report.all_lines(_filters(request), shown_zone(request))
    response = StreamingHttpResponse(csv_pieces(_rows(lines)), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="activity.csv"'
    return response


def _rows(lines: Iterator[Line]) -> Iterator[list[str]]:
    yield list(HEADER)
    for line in lines:
        changes = "; ".join(
            f"{f'{change.name}: ' if change.name else ''}{change.before} → {change.after}" for change in line.changes
        )
        person = "yes" if line.is_person else "no"
        yield [line.at.isoformat(timespec="seconds"), line.by, person, line.sentence, line.subject, changes]


def _filters(request: WebRequest) -> Filters:
    """What cannot be read counts as any; `by` is what older addresses said for `who`."""
    asked = request.GET
    kind = a_word(asked.get("kind"))
    return Filters(
        who=a_word(asked.get("who") or asked.get("by")),
        kind=kind if kind in report.KINDS else "",
        what=a_word(asked.get("what")).strip()[:200],
        subject=a_word(asked.get("subject")).strip()[:60],
        since=_a_day(asked.get("from")),
        until=_a_day(asked.get("to")),
    )


def _a_day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None
