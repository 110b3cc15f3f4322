"""Batches, and one batch with its timeline, its money and its requests."""

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone

from labeling.models import Batch
from labeling.pipeline import cancel, prove
from labeling.reports import batches as report
from labeling.reports.paging import a_word, an_id
from labeling.reports.rail import rail
from labeling.states import BatchState, Proof
from labeling.waking import wake

from .door import OPERATE, WebRequest, command, live_part, page
from .live import ACTIVE, FAST, IDLE, LivePage, answer, refresh, show
from .reader import settings_of, shown_zone

TABS = {"all": "All", "open": "Open", "failures": "Not all succeeded", "doubt": "In doubt"}


@page()
def batches(request: WebRequest) -> HttpResponseBase:
    return show(request, _list_page(request))


@live_part
def batches_live(request: WebRequest) -> HttpResponseBase:
    return refresh(request, _list_page(request))


@page()
def batch(request: WebRequest, pk: int) -> HttpResponseBase:
    return show(request, _batch_page(request, pk))


@live_part
def batch_live(request: WebRequest, pk: int) -> HttpResponseBase:
    return refresh(request, _batch_page(request, pk))


@command()
def batch_cancel(request: WebRequest, pk: int) -> HttpResponseBase:
    found = get_object_or_404(Batch, pk=pk)
    canceled = cancel.request_cancel(found, by=request.user, withdraw=request.POST.get("rest") == "withdraw")
    wake()
    found.refresh_from_db()
    first = f" {found.cancel_requested_by} was first." if found.cancel_requested_by else ""
    said = (
        f"{found} is being canceled."
        if canceled
        else f"Not canceled: {found} is {found.state.replace('_', ' ')}.{first}"
    )
    back = reverse("batch", args=[pk])
    return answer(request, said, page=_batch_page(request, pk), back=back, failed=not canceled)


@command()
def batch_prove(request: WebRequest, pk: int) -> HttpResponseBase:
    found = get_object_or_404(Batch, pk=pk)
    asked = prove.ask_for_proof(found)
    wake()
    said = (
        f"A worker compares {found} with what was sent." if asked else f"There is nothing to compare for {found} now."
    )
    return answer(request, said, page=_batch_page(request, pk), back=reverse("batch", args=[pk]), failed=not asked)


def _list_page(request: WebRequest) -> LivePage:
    tab = request.GET.get("tab", "all")
    tab = tab if tab in TABS else "all"
    task = a_word(request.GET.get("task"))
    before, after = an_id(request.GET.get("before")), an_id(request.GET.get("after"))
    found = report.batch_page(tab=tab, task=task, before=before, after=after)
    moving = any(batch.state in BatchState.open() for batch in found.rows)
    is_plain = tab == "all" and not task and before is None and after is None
    context = {
        "page": found,
        "tab": tab,
        "task": task,
        "tabs": TABS.items(),
        "now": timezone.now(),
        "open_count": Batch.objects.open().count(),
        "doubtful_count": Batch.objects.doubtful().count(),
    }
    every = (ACTIVE if moving else IDLE) if is_plain else None
    return LivePage("batches/list.html", reverse("batches_live"), every, context)


def _batch_page(request: WebRequest, pk: int) -> LivePage:
    found = get_object_or_404(Batch.objects.select_related("version__task", "account", "night"), pk=pk)
    settings, now = settings_of(request), timezone.now()
    outcome = request.GET.get("outcome", "")
    requests = report.request_page(
        found, outcome=outcome, before=an_id(request.GET.get("before")), after=an_id(request.GET.get("after"))
    )
    seen = report.batch_view(found, now)
    context = {
        "batch": found,
        "seen": seen,
        "rail": rail([found], now, settings.night, settings.zone, shown_zone(request)) if seen.is_open else None,
        "page": requests,
        "lines": report.request_lines(requests.rows),
        "outcome": outcome,
        "outcomes": [(value, n) for value, n in seen.outcomes.items() if n],
        "can_cancel": found.state == BatchState.BUILDING
        or (found.state == BatchState.IN_PROGRESS and found.cancel_requested_at is None),
        "proof": Proof(found.proof),
        "can_prove": bool(found.requests_sha256 and found.ingested_at)
        and found.proof != Proof.DUE
        and request.user.has_perm(OPERATE),
        "all_outcomes": sum(seen.outcomes.values()),
    }
    comparing = found.proof == Proof.DUE
    every = {
        BatchState.ENDED: FAST,
        BatchState.INGESTED: FAST if comparing else None,
        BatchState.REJECTED: None,
        BatchState.ABSENT: None,
    }.get(BatchState(found.state), ACTIVE)
    return LivePage(
        "batches/detail.html",
        reverse("batch_live", args=[pk]),
        every,
        context,
        phase=f"{found.state} {found.proof}",
        has_acts=True,
    )
