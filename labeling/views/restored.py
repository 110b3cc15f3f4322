"""After a restore: what left since the backup, and the one decision that lets everything leave again."""

from django.http import HttpResponseBase
from django.urls import reverse

from labeling.after_restore import unsettled
from labeling.forms.decisions import ReleaseForm
from labeling.models import Restoration
from labeling.pipeline.release import NotSettled, settle
from labeling.reports import restored as report
from labeling.templatetags.figures import noun
from labeling.waking import wake

from .door import ADMINISTER, WebRequest, command, live_part, page
from .live import ACTIVE, LivePage, answer, refresh, show
from .reader import settings_of


@page()
def restored(request: WebRequest) -> HttpResponseBase:
    return show(request, _page(request))


@live_part
def restored_live(request: WebRequest) -> HttpResponseBase:
    return refresh(request, _page(request))


@command(ADMINISTER)
def restored_settle(request: WebRequest) -> HttpResponseBase:
    """Everything leaves again, with what was found in no batch; the number on the page is the one decided about."""
    restoration, form = Restoration.objects.first(), ReleaseForm(request.POST)
    if restoration is None:
        return _answer(request, "Not settled: no backup was restored here.", failed=True)
    if not form.is_valid():
        return _answer(request, "Not settled: say that you have read what it may cost.", failed=True)
    try:
        released = settle(restoration, settings_of(request), documents=form.cleaned_data["documents"], by=request.user)
    except NotSettled as refusal:
        return _answer(request, f"Not settled: {refusal}", failed=True)
    wake()
    return _answer(request, f"Settled: everything leaves again, {noun(released, 'document')} found in no batch too.")


def _answer(request: WebRequest, sentence: str, *, failed: bool = False) -> HttpResponseBase:
    return answer(request, sentence, page=_page(request), back=reverse("restored"), failed=failed)


def _page(request: WebRequest) -> LivePage:
    restoration = unsettled() or Restoration.objects.first()
    seen = report.seen(restoration, settings_of(request)) if restoration else None
    is_open = restoration is not None and restoration.settled_at is None
    phase = f"{seen.waiting}-{bool(seen.hindrances)}" if seen and is_open else "settled"
    return LivePage(
        "restored.html",
        reverse("restored_live"),
        ACTIVE if is_open else None,
        {"seen": seen, "restoration": restoration, "is_open": is_open},
        phase=phase,
        has_acts=True,
    )
