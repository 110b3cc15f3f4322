"""The night: the first page, the sheet of every night, and the gates, pause and resume."""

from collections.abc import Sequence
from datetime import date

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone

from labeling import waiting
from labeling.forms.decisions import ReasonForm
from labeling.models import Night
from labeling.pipeline import pausing
from labeling.reports import headline, nights
from labeling.reports import night as report
from labeling.reports.brought import brought
from labeling.reports.held import Held, held_uploads
from labeling.reports.lanes import lanes
from labeling.reports.resuming import resuming
from labeling.states import WaitingReason
from labeling.transitions.gates import RESTORE
from labeling.waiting import Waiting
from labeling.waking import wake

from .door import WebRequest, command, live_part, page
from .live import ACTIVE, IDLE, LivePage, answer, refresh, show
from .reader import settings_of, shown_zone


@page()
def night(request: WebRequest) -> HttpResponseBase:
    return show(request, first_page(request))


@live_part
def night_live(request: WebRequest) -> HttpResponseBase:
    return refresh(request, first_page(request))


@page()
def night_of(request: WebRequest, day: date) -> HttpResponseBase:
    """The sheet of one night; that of the running one is the first page under its lasting address."""
    return show(request, _page(request, get_object_or_404(Night, date=day)))


@live_part
def night_of_live(request: WebRequest, day: date) -> HttpResponseBase:
    return refresh(request, _page(request, get_object_or_404(Night, date=day)))


@page()
def all_nights(request: WebRequest) -> HttpResponseBase:
    found = nights.night_page(_a_date(request.GET.get("before")))
    context = {
        "page": found,
        "is_first": not request.GET.get("before"),
        "site_zone": settings_of(request).time_zone,
    }
    return render(request, "nights/list.html", context)


@command()
def pause(request: WebRequest) -> HttpResponseBase:
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _answer(request, "Not paused: say why, in a few words.", failed=True)
    paused = pausing.pause_everything(by=request.user, reason=form.cleaned_data["reason"])
    if not paused.changed:
        return _answer(request, "Sending was paused already; the first reason stays.")
    left = f" Already on its way: {', '.join(paused.claimed)}." if paused.claimed else ""
    return _answer(request, f"Paused: nothing leaves any more.{left}")


@command()
def resume(request: WebRequest) -> HttpResponseBase:
    try:
        sentences = pausing.resume_everything(by=request.user)
    except pausing.NotResumed as refusal:
        return _answer(request, str(refusal), failed=True)
    wake()
    return _answer(request, " ".join(sentences) or "Sending was not paused any more.")


def _answer(request: WebRequest, sentence: str, *, failed: bool = False) -> HttpResponseBase:
    return answer(request, sentence, page=first_page(request), back="night", failed=failed)


def first_page(request: WebRequest) -> LivePage:
    return _page(request, report.current_night(settings_of(request), timezone.now()), is_first=True)


def _page(request: WebRequest, row: Night | None, *, is_first: bool = False) -> LivePage:
    settings, now = settings_of(request), timezone.now()
    sheet = report.sheet(row, settings, now)
    house = report.house(settings, now) if sheet.is_current else None
    waits = waiting.of_everything(settings, house.seen) if house else []
    context = {
        "sheet": sheet,
        "house": house,
        "title": headline.title(sheet, house, now),
        "money": headline.money(sheet.at_night if sheet.at_night.wanted else sheet.by_day),
        "lanes": lanes(sheet.batches, now, settings.night, settings.zone, shown_zone(request)),
        "brought": brought(sheet.all.not_labeled),
        "labeled_by_night": [night.labeled for night in house.trend] if house else [],
        "saved_by_night": [night.saved_usd for night in house.trend] if house else [],
        "site_zone": settings.time_zone,
        "house_waits": waits,
        "held": _held(waits),
        "resuming": resuming(settings, now) if house and house.gates else None,
        "is_restored": bool(house and any(gate.kind == RESTORE for gate in house.gates)),
    }
    url = reverse("night_live") if is_first or row is None else reverse("night_of_live", args=[row.date])
    phase = "paused" if house and house.gates else "open"
    return LivePage("night.html", url, _rhythm(sheet, house), context, phase=phase, has_acts=True)


def _held(waits: Sequence[Waiting]) -> list[Held]:
    """Held uploads of which something waits."""
    is_held = any(w.why.reason in (WaitingReason.HELD, WaitingReason.TRIAL) for w in waits)
    return held_uploads() if is_held else []


def _rhythm(sheet: report.Sheet, house: report.House | None) -> int | None:
    """An old night whose batches are all stored cannot change any more."""
    if house:
        return ACTIVE if house.is_active else IDLE
    return IDLE if sheet.all.open_batches else None


def _a_date(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None
