"""Decisions: what only a person can settle, one row per cause; apart, what goes again by itself and what was closed."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from labeling.finding import AGAIN, OPEN, Filters
from labeling.forms.decisions import WayForm
from labeling.models import Activity, Document, LabelingTask
from labeling.pipeline import bulk, decide
from labeling.reports import decisions as report
from labeling.reports.advice import ADVICE
from labeling.reports.failures import Cause, documents_of, open_causes
from labeling.reports.retrying import MOST_TRIES
from labeling.states import BulkKind, DocumentState, FailureReason, Way
from labeling.templatetags.figures import noun
from labeling.waking import wake

from .door import WebRequest, command, live_part, page
from .live import ACTIVE, IDLE, LivePage, answer, refresh, show
from .many import STILL_UNDER_WAY, UNDER_WAY, by_a_worker

TABS = {"open": "Open", "again": "Going again", "closed": "Closed"}


@page()
def decisions(request: WebRequest) -> HttpResponseBase:
    tab = request.GET.get("tab", "open")
    if tab == "closed":
        return _closed(request)
    return show(request, _again(request) if tab == "again" else _open(request))


@live_part
def decisions_live(request: WebRequest) -> HttpResponseBase:
    return refresh(request, _open(request))


@live_part
def going_again_live(request: WebRequest) -> HttpResponseBase:
    return refresh(request, _again(request))


@command()
def retry_safe(request: WebRequest) -> HttpResponseBase:
    """Every cause that is safe to send again as it is, each with the version in use."""
    form = WayForm(request.POST)
    way = form.chosen if form.is_valid() else Way.TONIGHT
    safe = [cause for cause in open_causes() if cause.advice.is_safe]
    if sum(cause.documents for cause in safe) > bulk.MANY:
        return _retry_by_a_worker(request, safe, way)
    moved = 0
    for cause in safe:
        chosen = documents_of(cause.task, cause.reason)
        moved += decide.send_again(chosen, way, task=cause.task, reason=cause.reason, version=None, by=request.user)
    wake()
    sentence = f"{moved:,} {'document goes' if moved == 1 else 'documents go'} again." if moved else _NOTHING_SAFE
    return answer(request, sentence, page=_open(request), back=reverse("decisions"), failed=not moved)


@command()
def retry(request: WebRequest, slug: str, reason: str) -> HttpResponseBase:
    """Everything of one cause goes again with the version in use, from its row in the list."""
    task, why = find_cause(slug, reason)
    form = WayForm(request.POST)
    if not form.is_valid():
        return _answer(request, "Not sent again: choose when it should leave.", failed=True)
    chosen = documents_of(task, why)
    if bulk.are_many(chosen):
        return of_cause_by_a_worker(request, BulkKind.RETRY, task, why, way=form.chosen)
    moved = decide.send_again(chosen, form.chosen, task=task, reason=why, version=None, by=request.user)
    wake()
    if not moved:
        return _answer(request, who_was_first(task), failed=True)
    return _answer(request, f"{moved:,} {'document goes' if moved == 1 else 'documents go'} again.")


@command()
def stop(request: WebRequest, slug: str) -> HttpResponseBase:
    """What goes again by itself becomes a decision."""
    task = get_object_or_404(LabelingTask, slug=slug)
    going = Document.objects.go_again(timezone.now()).filter(version__in=task.versions.all())
    back = f"{reverse('decisions')}?tab=again"
    if bulk.are_many(going):
        title, subject = f"what goes again, {task}", f"task:{task.slug}"
        meant = Filters(task=task.slug, state=AGAIN)
        return by_a_worker(request, meant, BulkKind.STOP, title=title, subject=subject, back=back)
    stopped = decide.stop(going, task=task, by=request.user)
    if not stopped:
        return answer(request, _ALREADY_GONE, page=_again(request), back=back, failed=True)
    sentence = f"{noun(stopped, 'document')} stopped: a decision now, and nothing is lost."
    return answer(request, sentence, page=_again(request), back=back)


@command()
def reopen(request: WebRequest, slug: str, reason: str) -> HttpResponseBase:
    """What was closed in one act is open again."""
    task, why = find_cause(slug, reason)
    closed_at = _a_time(request.POST.get("closed_at"))
    closed = Document.objects.filter(
        state=DocumentState.FAILED, failure_reason=why, version__in=task.versions.all(), closed_at=closed_at
    )
    if closed_at and bulk.are_many(closed):
        return of_cause_by_a_worker(request, BulkKind.REOPEN, task, why, closed_at=closed_at)
    opened = decide.reopen(closed, closed_at, task=task, reason=why, by=request.user) if closed_at else 0
    sentence = f"{noun(opened, 'document')} open again." if opened else _NOT_CLOSED
    return answer(request, sentence, page=_open(request), back=f"{reverse('decisions')}?tab=closed", failed=not opened)


def of_cause_by_a_worker(
    request: WebRequest,
    kind: BulkKind,
    task: LabelingTask,
    why: FailureReason,
    closed_at: datetime | None = None,
    **how: Any,
) -> HttpResponseBase:
    """A decision about all that is open of one cause, or was closed in one act."""
    meant = _all_of(task, why)
    if closed_at:
        meant = Filters(task=task.slug, cause=why, closed_at=closed_at.isoformat())
    title, subject = _title(task, why), f"task:{task.slug}"
    return by_a_worker(request, meant, kind, title=title, subject=subject, back=reverse("decisions"), **how)


def _retry_by_a_worker(request: WebRequest, causes: Sequence[Cause], way: Way) -> HttpResponseBase:
    """Each cause is a decision of its own; one that is under way already stays as it is."""
    begun = [
        bulk.decide(
            _all_of(cause.task, cause.reason),
            BulkKind.RETRY,
            title=_title(cause.task, cause.reason),
            subject=f"task:{cause.task.slug}",
            user=request.user,
            way=way,
        )
        for cause in causes
    ]
    wake()
    said = UNDER_WAY if any(begun) else STILL_UNDER_WAY
    return answer(request, said, page=_open(request), back=reverse("decisions"), failed=not any(begun))


def _all_of(task: LabelingTask, why: FailureReason) -> Filters:
    """The same as `documents_of`."""
    return Filters(task=task.slug, state=OPEN, cause=why)


def _title(task: LabelingTask, why: FailureReason) -> str:
    return f"{ADVICE[why].title}, {task}"


def find_cause(slug: str, reason: str) -> tuple[LabelingTask, FailureReason]:
    tasks = LabelingTask.objects.select_related("version_in_use__task")
    return get_object_or_404(tasks, slug=slug), FailureReason(reason)


def who_was_first(task: LabelingTask) -> str:
    last = Activity.objects.filter(subject=f"task:{task.slug}").order_by("-pk").first()
    who = f" {last.by} was first: {last.sentence}." if last else ""
    return f"Not done: nothing of this cause is open any more.{who}"


_NOTHING_SAFE = "Nothing is open any more that is safe to send again."
_ALREADY_GONE = "Not stopped: nothing of it waits to go again any more."
_NOT_CLOSED = "Not opened: it is not closed any more."


def _answer(request: WebRequest, sentence: str, *, failed: bool = False) -> HttpResponseBase:
    return answer(request, sentence, page=_open(request), back=reverse("decisions"), failed=failed)


def _open(request: WebRequest) -> LivePage:
    now = timezone.now()
    again, found = report.going_again(now), report.decisions(now)
    context = {"tab": "open", "tabs": TABS.items(), "found": found, "again": again, "most_tries": MOST_TRIES}
    every = ACTIVE if again.documents or found.under_way else IDLE
    return LivePage("decisions/open.html", reverse("decisions_live"), every, context)


def _again(request: WebRequest) -> LivePage:
    again = report.going_again(timezone.now())
    context = {"tab": "again", "tabs": TABS.items(), "again": again}
    return LivePage("decisions/again.html", reverse("going_again_live"), ACTIVE if again.documents else IDLE, context)


def _closed(request: WebRequest) -> HttpResponseBase:
    context = {
        "tab": "closed",
        "tabs": TABS.items(),
        "found": report.closings(_a_time(request.GET.get("before"))),
        "is_first": not request.GET.get("before"),
    }
    return render(request, "decisions/closed.html", context)


def _a_time(text: str | None) -> datetime | None:
    """A time out of an address or a form, in UTC: PostgreSQL knows fewer offsets than Python. None if it is none."""
    try:
        found = parse_datetime(text) if text else None
        return found.astimezone(UTC) if found and timezone.is_aware(found) else None
    except (ValueError, OverflowError):
        return None
