"""The first page, and the gates: pause and resume."""

from django.http import HttpResponseBase
from django.utils import timezone

from labeling.forms import ReasonForm
from labeling.pipeline import pausing
from labeling.reports.night import overview
from labeling.reports.rail import rail
from labeling.waking import wake

from .door import WebRequest, command, live_part, page
from .live import ACTIVE, IDLE, LivePage, answer, refresh, show
from .reader import settings_of, shown_zone


@page()
def night(request: WebRequest) -> HttpResponseBase:
    return show(request, _page(request))


@live_part
def night_live(request: WebRequest) -> HttpResponseBase:
    return refresh(request, _page(request))


@command()
def pause(request: WebRequest) -> HttpResponseBase:
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return answer(request, "Not paused: say why, in a few words.", page=_page(request), back="night", failed=True)
    paused = pausing.pause_everything(by=request.user, reason=form.cleaned_data["reason"])
    if not paused.changed:
        return answer(request, "Sending was paused already; the first reason stays.", page=_page(request), back="night")
    left = f" Already on its way: {', '.join(paused.claimed)}." if paused.claimed else ""
    return answer(request, f"Paused: nothing leaves any more.{left}", page=_page(request), back="night")


@command()
def resume(request: WebRequest) -> HttpResponseBase:
    sentences = pausing.resume_everything(by=request.user)
    wake()
    sentence = " ".join(sentences) or "Sending was not paused any more."
    return answer(request, sentence, page=_page(request), back="night")


def _page(request: WebRequest) -> LivePage:
    settings, now = settings_of(request), timezone.now()
    seen = overview(settings, now)
    batches = [*seen.at_the_api, *(b for b in seen.open_batches if b not in seen.at_the_api), *seen.ended_batches]
    return LivePage(
        "night.html",
        "/live/night",
        ACTIVE if seen.is_active else IDLE,
        {
            "night": seen,
            "rail": rail(batches, now, settings.night, settings.zone, shown_zone(request)),
            "site_zone": settings.time_zone,
        },
        phase="paused" if seen.gates else "open",
        has_acts=True,
    )
