"""What leaves next, task by task: held for tonight, sent now with time to think again, released."""

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone

from labeling.models import Gate, LabelingTask, SendOrder
from labeling.pipeline import hold as holding
from labeling.pipeline import pausing, send_now
from labeling.templatetags.figures import clock_text
from labeling.waking import wake

from .door import WebRequest, command
from .live import answer
from .night import first_page
from .reader import settings_of

REASON = "not tonight"


@command()
def hold(request: WebRequest, slug: str) -> HttpResponseBase:
    """The task skips the next night; the hold ends by itself."""
    task, settings = _task(slug), settings_of(request)
    until = holding.night_after_next(settings, timezone.now())
    if not holding.hold_task(task, by=request.user, reason=REASON, until=until):
        return _answer(request, f"{task} was held already{_by_whom(task)}.", failed=True)
    return _answer(request, f"{task} stays tonight; it leaves {clock_text(until)} unless somebody releases it.")


@command()
def release(request: WebRequest, slug: str) -> HttpResponseBase:
    """What a person holds, and nothing else: a refusal or a canary that failed is looked at on the page of the task."""
    task = _task(slug)
    if not pausing.resume_task(task, by=request.user, seen="person"):
        who = _by_whom(task)
        sentence = f"Not released: {task} is paused{who}" if who else f"{task} was not held any more."
        return _answer(request, sentence, failed=True)
    wake()
    return _answer(request, f"{task} leaves again.")


@command()
def send(request: WebRequest, slug: str) -> HttpResponseBase:
    """Everything of the task that waits for tonight leaves in a batch now, after the time to undo it."""
    task = _task(slug)
    order = send_now.send_task(task, by=request.user)
    if order is None:
        first = send_now.pending(task=task)
        who = f" {first.ordered_by} was first." if first else ""
        return _answer(request, f"{task} is about to leave already.{who}", failed=True)
    return _answer(request, f"{task} leaves at {_seconds(order)}. Until then it can be undone.")


@command()
def undo(request: WebRequest, slug: str) -> HttpResponseBase:
    task = _task(slug)
    order = send_now.pending(task=task)
    if order is None or not send_now.undo(order, by=request.user):
        return _answer(request, f"Not undone: {task} left already, or somebody undid it.", failed=True)
    return _answer(request, f"Undone: {task} waits for tonight again.")


def _task(slug: str) -> LabelingTask:
    return get_object_or_404(LabelingTask, slug=slug)


def _by_whom(task: LabelingTask) -> str:
    gate = Gate.objects.filter(task=task, closed_at__isnull=False).first()
    return f" by {gate.closed_by}: {gate.reason}" if gate else ""


def _seconds(order: SendOrder) -> str:
    return f"{timezone.localtime(order.leaves_at):%H:%M:%S}"


def _answer(request: WebRequest, sentence: str, *, failed: bool = False) -> HttpResponseBase:
    return answer(request, sentence, page=first_page(request), back="night", failed=failed)
