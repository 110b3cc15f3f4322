"""Doubtful submissions, open and settled, and what a person may decide about an open one."""

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse

from labeling.forms.doubts import AbsenceForm, AdoptionForm
from labeling.forms.fields import first_error
from labeling.models import Batch
from labeling.pipeline import settle
from labeling.reports import doubts as report
from labeling.reports.paging import an_id
from labeling.templatetags.figures import noun
from labeling.waking import wake

from .door import WebRequest, command, live_part, page
from .live import ACTIVE, IDLE, LivePage, answer, refresh, show
from .reader import settings_of


@page()
def doubts(request: WebRequest) -> HttpResponseBase:
    return show(request, _list_page(request))


@live_part
def doubts_live(request: WebRequest) -> HttpResponseBase:
    return refresh(request, _list_page(request))


@page()
def doubt(request: WebRequest, pk: int) -> HttpResponseBase:
    return show(request, _doubt_page(request, pk))


@live_part
def doubt_live(request: WebRequest, pk: int) -> HttpResponseBase:
    return refresh(request, _doubt_page(request, pk))


@command()
def doubt_adopt(request: WebRequest, pk: int) -> HttpResponseBase:
    """An operator found the Message Batch: its results are read as usual."""
    batch = get_object_or_404(Batch, pk=pk)
    form = AdoptionForm(request.POST)
    if not form.is_valid():
        return _answer(request, batch, f"Not adopted. {first_error(form)}", failed=True)
    try:
        adopted = settle.adopt(
            batch, form.cleaned_data["message_batch_id"], by=request.user, why=form.cleaned_data["why"]
        )
    except settle.IdRefused as refusal:
        return _answer(request, batch, f"Not adopted. {refusal}", failed=True)
    if not adopted:
        return _lost(request, batch)
    wake()
    return _answer(request, batch, f"{batch} is {batch.message_batch_id} now; it is polled at once.")


@command()
def doubt_absent(request: WebRequest, pk: int) -> HttpResponseBase:
    """An operator says that the API never accepted it: its documents wait again."""
    batch = get_object_or_404(Batch, pk=pk)
    form = AbsenceForm(request.POST)
    if not form.is_valid():
        return _answer(request, batch, f"Nothing was changed. {first_error(form)}", failed=True)
    released = settle.declare_absent(batch, by=request.user, why=form.cleaned_data["why"])
    if not released:
        return _lost(request, batch)
    wake()
    return _answer(request, batch, f"{batch} counts as never accepted; {noun(released, 'document')} wait again.")


def _lost(request: WebRequest, batch: Batch) -> HttpResponseBase:
    """Who loses a race reads who won."""
    decision = report.doubt_of(batch, settings_of(request)).decision
    who = f" {decision.by} was first: {decision.why}." if decision else ""
    return _answer(request, batch, f"Nothing was changed: {batch} is {batch.state}, not in doubt.{who}", failed=True)


def _answer(request: WebRequest, batch: Batch, sentence: str, *, failed: bool = False) -> HttpResponseBase:
    back = reverse("doubt", args=[batch.pk])
    return answer(request, sentence, page=_doubt_page(request, batch.pk), back=back, failed=failed)


def _list_page(request: WebRequest) -> LivePage:
    only_open = request.GET.get("tab") == "open"
    before, after = an_id(request.GET.get("before")), an_id(request.GET.get("after"))
    found = report.doubt_page(settings_of(request), only_open=only_open, before=before, after=after)
    context = {
        "page": found,
        "only_open": only_open,
        "open_count": report.open_doubts(),
        "last_settled_at": None if found.rows else report.last_settled_at(),
    }
    is_first = not only_open and before is None and after is None
    return LivePage("doubts/list.html", reverse("doubts_live"), IDLE if is_first else None, context)


def _doubt_page(request: WebRequest, pk: int) -> LivePage:
    rows = Batch.objects.filter(doubt_since__isnull=False).select_related("version__task", "account")
    batch = get_object_or_404(rows, pk=pk)
    found = report.doubt_of(batch, settings_of(request))
    context = {
        "batch": batch,
        "doubt": found,
        "at_risk": settle.money_at_risk(batch) if found.is_open else None,
        "most_why": AbsenceForm.MOST_WHY,
    }
    every = ACTIVE if found.is_open else IDLE
    return LivePage(
        "doubts/detail.html", reverse("doubt_live", args=[pk]), every, context, phase=batch.state, has_acts=True
    )
