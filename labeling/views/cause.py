"""One cause: its documents, the one thing to change, a tryout on a few, then one, some or all of them again."""

import dataclasses

from django.http import HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import content_disposition_header, urlencode

from labeling.exports.failures import failure_rows
from labeling.exports.plain_csv import csv_pieces
from labeling.forms.decisions import MaxTokensForm, ReasonForm, WayForm
from labeling.messages.prompts import SpecRefused
from labeling.models import Document, LabelingTask, LabelingTaskVersion
from labeling.pipeline import bulk, decide, drafts
from labeling.querysets import DocumentQuerySet
from labeling.reports import again
from labeling.reports import cause as report
from labeling.reports.advice import ADVICE
from labeling.reports.failures import documents_of
from labeling.reports.paging import an_id, ids_in
from labeling.states import BulkKind, FailureReason
from labeling.templatetags.figures import noun
from labeling.waking import wake

from .decisions import find_cause, of_cause_by_a_worker, who_was_first
from .door import WebRequest, command, live_part, page
from .live import ACTIVE, IDLE, LivePage, leave, refresh, show
from .versions import who_was_first as who_saved_first


@page()
def cause(request: WebRequest, slug: str, reason: str) -> HttpResponseBase:
    return show(request, _page(request, *find_cause(slug, reason)))


@live_part
def cause_live(request: WebRequest, slug: str, reason: str) -> HttpResponseBase:
    return refresh(request, _page(request, *find_cause(slug, reason)))


@page()
def cause_csv(request: WebRequest, slug: str, reason: str) -> HttpResponseBase:
    """Every open failure of the cause, with custom_id, request-id and error."""
    task, why = find_cause(slug, reason)
    pieces = csv_pieces(failure_rows(documents_of(task, why)))
    response = StreamingHttpResponse(pieces, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = content_disposition_header(True, f"{slug}-{why}.csv") or "attachment"
    return response


@page()
def failures_csv(request: WebRequest) -> HttpResponseBase:
    """Every open failure of every cause."""
    pieces = csv_pieces(failure_rows(Document.objects.need_a_person()))
    response = StreamingHttpResponse(pieces, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="failures.csv"'
    return response


@command()
def cause_send(request: WebRequest, slug: str, reason: str) -> HttpResponseBase:
    """The ticked documents, or all of the cause, under the version that was shown."""
    task, why = find_cause(slug, reason)
    form = WayForm(request.POST)
    if not form.is_valid():
        return _back(request, task, why, "Not sent again: choose when it should leave.", failed=True)
    chosen = _chosen(request, task, why)
    if chosen is None:
        return _back(request, task, why, "Nothing was ticked.", failed=True)
    version = _version(task, request.POST.get("version"))
    if bulk.are_many(chosen):
        return of_cause_by_a_worker(request, BulkKind.RETRY, task, why, way=form.chosen, version=version)
    moved = decide.send_again(chosen, form.chosen, task=task, reason=why, version=version, by=request.user)
    wake()
    if not moved:
        return _back(request, task, why, who_was_first(task), failed=True)
    return _back(request, task, why, f"{moved:,} {'document goes' if moved == 1 else 'documents go'} again.")


@command()
def cause_ticked(request: WebRequest, slug: str, reason: str) -> HttpResponseBase:
    """What the ticked documents cost, on the buttons that send them; nothing is changed. Without script a page."""
    task, why = find_cause(slug, reason)
    version = _version(task, request.POST.get("version")) or task.version_in_use
    ids = ids_in(request.POST, "document")
    offer = again.price_of(documents_of(task, why).filter(pk__in=ids), version.pk) if version and ids else None
    context = {
        "offer": offer,
        "version": version,
        "button": "way",
        "box": "document",
        "ids": ids,
        "kept": {"which": "ticked", "version": version.number if version else ""},
        "act": reverse("cause_send", args=[slug, reason]),
        "back": reverse("cause", args=[slug, reason]),
    }
    return render(request, "ticked.html#bar" if request.htmx else "ticked.html", context)


@command()
def cause_try(request: WebRequest, slug: str, reason: str) -> HttpResponseBase:
    """A few go ahead in real time; the page shows what becomes of them."""
    task, why = find_cause(slug, reason)
    version = _version(task, request.POST.get("version")) or task.version_in_use
    if version is None:
        return _back(request, task, why, "Not tried: the task has no version in use.", failed=True)
    tried = decide.try_on(
        documents_of(task, why), most=report.TRIED_AT_ONCE, task=task, reason=why, version=version, by=request.user
    )
    wake()
    if not tried:
        return _back(request, task, why, who_was_first(task), failed=True)
    return _back(request, task, why, f"{noun(tried, 'document')} tried with v{version.number}, in real time.")


@command()
def cause_close(request: WebRequest, slug: str, reason: str) -> HttpResponseBase:
    task, why = find_cause(slug, reason)
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _back(request, task, why, "Not closed: say why, in a few words.", failed=True)
    chosen = _chosen(request, task, why)
    if chosen is None:
        return _back(request, task, why, "Nothing was ticked.", failed=True)
    if bulk.are_many(chosen):
        return of_cause_by_a_worker(request, BulkKind.CLOSE, task, why, reason=form.cleaned_data["reason"])
    closed = decide.close(chosen, form.cleaned_data["reason"], task=task, reason=why, by=request.user)
    if not closed:
        return _back(request, task, why, who_was_first(task), failed=True)
    return _back(
        request, task, why, f"{closed:,} {'document is' if closed == 1 else 'documents are'} closed without a label."
    )


@command()
def cause_raise(request: WebRequest, slug: str, reason: str) -> HttpResponseBase:
    """Another max_tokens is another version: a draft, until somebody puts it in use."""
    task, why = find_cause(slug, reason)
    base = drafts.base_of(task)
    form = MaxTokensForm(request.POST)
    if base is None or not form.is_valid():
        said = form.errors["max_tokens"][0] if form.errors else "the task has no version."
        return _back(request, task, why, f"Not saved: {said}", failed=True)
    spec = dataclasses.replace(base.spec, max_tokens=form.cleaned_data["max_tokens"])
    seen = request.POST.get("based_on", "")
    try:
        saved = drafts.save(task, spec, name=task.name, priority=task.priority, based_on=seen, by=request.user)
    except SpecRefused as refusal:
        return _back(request, task, why, f"Not saved: {' '.join(refusal.sentences)}", failed=True)
    except drafts.Stale as stale:
        return _back(request, task, why, f"Not saved: {who_saved_first(stale)}", failed=True)
    sentence = f"v{saved.version.number} has max_tokens {spec.max_tokens:,}. It is a draft: try it, then send the rest."
    return _back(request, task, why, sentence, number=saved.version.number)


def _page(request: WebRequest, task: LabelingTask, why: FailureReason) -> LivePage:
    number = an_id(request.GET.get("version"))
    before, after = an_id(request.GET.get("before")), an_id(request.GET.get("after"))
    found = report.cause_page(task, why, number=number, before=before, after=after)
    stand = report.stand(found)
    shown = request.GET.get("phase", stand)
    waits = found.tryout is not None and found.tryout.on_the_way
    return LivePage(
        "decisions/cause.html",
        reverse("cause_live", args=[task.slug, why]),
        ACTIVE if waits else IDLE,
        {"found": found, "advice": ADVICE[why], "has_changed": shown != stand},
        phase=shown,
        has_acts=True,
    )


def _chosen(request: WebRequest, task: LabelingTask, why: FailureReason) -> DocumentQuerySet | None:
    """All of the cause, or the ticked ones; None where ticked ones were meant and none was."""
    every = documents_of(task, why)
    if request.POST.get("which") != "ticked":
        return every
    ids = ids_in(request.POST, "document")
    return every.filter(pk__in=ids) if ids else None


def _version(task: LabelingTask, number: str | None) -> LabelingTaskVersion | None:
    found = an_id(number)
    return task.versions.filter(number=found, set_aside_at=None).first() if found else None


def _back(
    request: WebRequest,
    task: LabelingTask,
    why: FailureReason,
    sentence: str,
    *,
    failed: bool = False,
    number: int | None = None,
) -> HttpResponseBase:
    number = number or an_id(request.POST.get("version"))
    query = f"?{urlencode({'version': number})}" if number else ""
    return leave(request, sentence, to=reverse("cause", args=[task.slug, why]) + query, failed=failed)
