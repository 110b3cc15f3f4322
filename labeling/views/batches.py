"""Batches, and one batch with its timeline, its money and its requests."""

from typing import Any

from django.db import transaction
from django.db.models import Count, Q
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from labeling import activity
from labeling.finding import OPEN, Filters
from labeling.forms.batches import RequestsAgainForm, RequestsCloseForm, RequestsForm
from labeling.forms.fields import first_error
from labeling.models import Batch, LabelingTask, LabelingTaskVersion
from labeling.pipeline import bulk, cancel, prove
from labeling.reports import again
from labeling.reports import batches as report
from labeling.reports.paging import a_word, an_id, ids_in
from labeling.reports.rail import rail
from labeling.states import BatchState, BulkKind, Proof
from labeling.templatetags.figures import noun
from labeling.transitions import failures
from labeling.transitions.again import queue_again
from labeling.waking import wake

from .door import OPERATE, WebRequest, command, live_part, page
from .live import ACTIVE, FAST, IDLE, LivePage, answer, refresh, show
from .many import by_a_worker
from .reader import settings_of, shown_zone


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


@command()
def batch_again(request: WebRequest, pk: int) -> HttpResponseBase:
    """The checked requests, or all that match, go again: the same act as on the page of decisions."""
    found = get_object_or_404(Batch.objects.select_related("version__task__version_in_use"), pk=pk)
    form = RequestsAgainForm(request.POST)
    if not form.is_valid():
        return _said(request, pk, f"Not sent again. {first_error(form)}", failed=True)
    version = _version(found, form.cleaned_data["version"])
    failed = again.failed_of(found, **form.narrowed)
    if bulk.are_many(failed):
        return _by_a_worker(request, found, form, BulkKind.RETRY, way=form.way, version=version)
    with transaction.atomic():
        moved = queue_again(failed, form.way, version=version)
        if moved:
            words = form.way.sentence.rstrip(".").lower() + (f", with v{version.number}" if version else "")
            activity.record(request.user, f"Sends {noun(moved, 'document')} of {found} again, {words}", str(found))
    wake()
    if not moved:
        return _said(request, pk, "Nothing was sent again: none of these has failed and is still open.", failed=True)
    return _said(request, pk, f"{noun(moved, 'document')} {'goes' if moved == 1 else 'go'} again.")


@command()
def batch_ticked(request: WebRequest, pk: int) -> HttpResponseBase:
    """What the checked requests cost, on the buttons that send them; nothing is changed. Without script a page."""
    found = get_object_or_404(Batch.objects.select_related("version__task__version_in_use"), pk=pk)
    version = _version(found, an_id(request.POST.get("version"))) or found.version.task.version_in_use
    ids = ids_in(request.POST, "request")
    offer = again.price_of(again.failed_of(found, request_ids=ids), version.pk) if version and ids else None
    context = {
        "offer": offer,
        "version": version,
        "button": "act",
        "prefix": "checked ",
        "box": "request",
        "ids": ids,
        "kept": {"outcome": a_word(request.POST.get("outcome")), "version": version.number if version else ""},
        "act": reverse("batch_again", args=[pk]),
        "back": _back(request, pk),
    }
    return render(request, "ticked.html#bar" if request.htmx else "ticked.html", context)


@command()
def batch_close(request: WebRequest, pk: int) -> HttpResponseBase:
    """The checked requests, or all that match, are closed without a label."""
    found = get_object_or_404(Batch.objects.select_related("version__task__version_in_use"), pk=pk)
    form = RequestsCloseForm(request.POST)
    if not form.is_valid():
        return _said(request, pk, f"Not closed. {first_error(form)}", failed=True)
    why = form.cleaned_data["reason"]
    failed = again.failed_of(found, **form.narrowed)
    if bulk.are_many(failed):
        return _by_a_worker(request, found, form, BulkKind.CLOSE, reason=why)
    with transaction.atomic():
        closed = failures.close(failed, why)
        if closed:
            activity.record(request.user, f"Closed {noun(closed, 'failed document')} of {found}: {why}", str(found))
    if not closed:
        return _said(request, pk, "Nothing was closed: none of these has failed and is still open.", failed=True)
    return _said(request, pk, f"{noun(closed, 'document')} {'is' if closed == 1 else 'are'} closed without a label.")


def _by_a_worker(request: WebRequest, batch: Batch, form: RequestsForm, kind: BulkKind, **how: Any) -> HttpResponseBase:
    """Checked ones are never many, so it is all of an outcome."""
    failed = Filters(state=OPEN, batch=batch.pk, outcome=form.cleaned_data["outcome"])
    title, back = f"failed documents of {batch}", reverse("batch", args=[batch.pk])
    return by_a_worker(request, failed, kind, title=title, subject=str(batch), back=back, **how)


def _version(batch: Batch, number: int | None) -> LabelingTaskVersion | None:
    """Another version than the one in use, of the same task; None for anything else."""
    versions = again.versions_of(batch) if number is not None else []
    chosen = next((version for version in versions if version.number == number), None)
    return None if chosen is None or chosen.pk == batch.version.task.version_in_use_id else chosen


def _said(request: WebRequest, pk: int, sentence: str, *, failed: bool = False) -> HttpResponseBase:
    return answer(request, sentence, page=_batch_page(request, pk), back=_back(request, pk), failed=failed)


def _back(request: WebRequest, pk: int) -> str:
    """The page of the batch, with the choice of outcome that the form came with."""
    outcome = a_word(request.POST.get("outcome"))
    return reverse("batch", args=[pk]) + (f"?{urlencode({'outcome': outcome})}" if outcome else "")


def _list_page(request: WebRequest) -> LivePage:
    tab = request.GET.get("tab", "all")
    filters = report.Filters(
        tab=tab if tab in report.TABS else "all",
        q=a_word(request.GET.get("q")).strip()[:100],
        task=a_word(request.GET.get("task")),
        model=a_word(request.GET.get("model")),
    )
    before, after = an_id(request.GET.get("before")), an_id(request.GET.get("after"))
    found = report.batch_page(filters, before=before, after=after)
    moving = any(batch.state in BatchState.open() for batch in found.rows)
    tabs = report.tab_counts(filters)
    context = {
        "page": found,
        "filters": filters,
        "tabs": tabs,
        "tasks": LabelingTask.objects.order_by("name"),
        "models": LabelingTaskVersion.objects.order_by("model").values_list("model", flat=True).distinct(),
        "now": timezone.now(),
        "counts": Batch.objects.order_by().aggregate(
            at_the_api=Count("pk", filter=Q(state__in=(BatchState.IN_PROGRESS, BatchState.CANCELING))),
            reading=Count("pk", filter=Q(state=BatchState.ENDED)),
            ended=Count("pk", filter=Q(state=BatchState.INGESTED)),
            in_doubt=Count("pk", filter=Q(state=BatchState.UNKNOWN)),
        ),
    }
    is_plain = filters.is_empty and before is None and after is None
    every = (ACTIVE if moving else IDLE) if is_plain else None
    return LivePage("batches/list.html", reverse("batches_live"), every, context)


def _batch_page(request: WebRequest, pk: int) -> LivePage:
    found = get_object_or_404(Batch.objects.select_related("version__task__version_in_use", "account", "night"), pk=pk)
    settings, now = settings_of(request), timezone.now()
    outcome = a_word(request.POST.get("outcome") or request.GET.get("outcome"))
    requests = report.request_page(
        found, outcome=outcome, before=an_id(request.GET.get("before")), after=an_id(request.GET.get("after"))
    )
    seen = report.batch_view(found, now)
    is_ahead = found.ended_at is None and found.state not in (BatchState.REJECTED, BatchState.ABSENT)
    version = _version(found, an_id(request.GET.get("with")))
    offer = again.offer(found, outcome=outcome, version=version) if found.ingested_at else None
    context = {
        "batch": found,
        "seen": seen,
        "rail": rail([found], now, settings.night, settings.zone, shown_zone(request)) if seen.is_open else None,
        "page": requests,
        "lines": report.request_lines(requests.rows),
        "estimate": report.in_flight_estimate(found) if is_ahead else None,
        "earlier": report.earlier_batches(found) if is_ahead else [],
        "at_the_limit": report.others_at_the_limit(found) if seen.hit_the_limit else [],
        "offer": offer,
        "again_with": version or found.version.task.version_in_use,
        "versions": again.versions_of(found) if offer else [],
        "may_decide": offer is not None and request.user.has_perm(OPERATE),
        "outcome": outcome,
        "outcomes": [(value, n) for value, n in seen.outcomes.items() if n],
        "can_cancel": found.state == BatchState.BUILDING
        or (found.state == BatchState.IN_PROGRESS and found.cancel_requested_at is None),
        "now": now,
        "proof": Proof(found.proof) if found.requests_sha256 else Proof.NOTHING_KEPT,
        "can_prove": bool(found.requests_sha256 and found.ingested_at)
        and found.proof != Proof.DUE
        and request.user.has_perm(OPERATE),
        "all_outcomes": sum(seen.outcomes.values()),
    }
    return LivePage(
        "batches/detail.html",
        reverse("batch_live", args=[pk]),
        _looks_again_after(found),
        context,
        phase=f"{found.state} {found.proof}",
        has_acts=True,
    )


def _looks_again_after(batch: Batch) -> int | None:
    """Seconds until the page asks again; None for a batch that nothing moves any more."""
    match BatchState(batch.state):
        case BatchState.REJECTED | BatchState.ABSENT:
            return None
        case BatchState.INGESTED:
            return FAST if batch.proof == Proof.DUE else None
        case BatchState.ENDED:
            return FAST
    return ACTIVE
