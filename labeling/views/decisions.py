"""Decisions: what only a person can settle, one row per cause, and apart what goes again by itself."""

import hashlib

from django.db import transaction
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone

from labeling import activity
from labeling.forms import ReasonForm, WayForm
from labeling.models import Activity, LabelingTask
from labeling.reports import failures as report
from labeling.states import FailureReason
from labeling.templatetags.figures import noun
from labeling.transitions import documents as transitions
from labeling.waking import wake

from .door import WebRequest, command, live_part, page
from .live import ACTIVE, IDLE, LivePage, answer, refresh, show


@page()
def decisions(request: WebRequest) -> HttpResponseBase:
    return show(request, _page(request))


@live_part
def decisions_live(request: WebRequest) -> HttpResponseBase:
    return refresh(request, _page(request))


@command()
def retry(request: WebRequest, slug: str, reason: str) -> HttpResponseBase:
    """Everything of one cause goes again."""
    task, why = _cause(slug, reason)
    form = WayForm(request.POST)
    if not form.is_valid():
        return _answer(request, "Not sent again: choose when it should leave.", failed=True)
    with transaction.atomic():
        moved = transitions.queue_again(report.documents_of(task, why), form.chosen)
        if moved:
            words = form.chosen.sentence.rstrip(".").lower()
            activity.record(
                request.user, f"Sends {noun(moved, 'document')} again ({why}), {words}", f"task:{task.slug}"
            )
    wake()
    if not moved:
        return _answer(request, _who_was_first(task), failed=True)
    return _answer(request, f"{moved:,} {'document goes' if moved == 1 else 'documents go'} again.")


@command()
def close(request: WebRequest, slug: str, reason: str) -> HttpResponseBase:
    """Everything of one cause stays failed and leaves the list."""
    task, why = _cause(slug, reason)
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _answer(request, "Not closed: say why, in a few words.", failed=True)
    words = form.cleaned_data["reason"]
    with transaction.atomic():
        closed = transitions.close_failures(report.documents_of(task, why), words)
        if closed:
            activity.record(
                request.user, f"Closed {noun(closed, 'failed document')} ({why}): {words}", f"task:{task.slug}"
            )
    if not closed:
        return _answer(request, _who_was_first(task), failed=True)
    return _answer(request, f"{closed:,} {'document is' if closed == 1 else 'documents are'} closed without a label.")


def _cause(slug: str, reason: str) -> tuple[LabelingTask, FailureReason]:
    return get_object_or_404(LabelingTask, slug=slug), FailureReason(reason)


def _who_was_first(task: LabelingTask) -> str:
    last = Activity.objects.filter(subject=f"task:{task.slug}").order_by("-pk").first()
    who = f" {last.by} was first: {last.sentence}." if last else ""
    return f"Not done: nothing of this cause is open any more.{who}"


def _answer(request: WebRequest, sentence: str, *, failed: bool = False) -> HttpResponseBase:
    return answer(request, sentence, page=_page(request), back=reverse("decisions"), failed=failed)


def _page(request: WebRequest) -> LivePage:
    """The causes hold forms, so they stay as they are while somebody may type; the live part says that they changed."""
    decided = report.decisions()
    again = report.going_again(timezone.now())
    stand = hashlib.sha256(repr([(d.cause.key, d.cause.documents) for d in decided]).encode()).hexdigest()[:12]
    shown = request.GET.get("phase", stand)
    context = {
        "decisions": decided,
        "documents": sum(decision.cause.documents for decision in decided),
        "again": again,
        "closed": report.closed_failures(20),
        "has_changed": shown != stand,
    }
    every = ACTIVE if again.documents else IDLE
    return LivePage("decisions.html", reverse("decisions_live"), every, context, phase=shown, has_acts=True)
