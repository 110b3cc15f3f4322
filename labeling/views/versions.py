"""What a person does with a version of a task: put it in use, discard the draft, move what still waits."""

from django.http import Http404, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone

from labeling.models import LabelingTask, LabelingTaskVersion
from labeling.pipeline import drafts
from labeling.pipeline.drafts import PutInUse, Stale
from labeling.reports import versions as report
from labeling.templatetags.figures import noun
from labeling.waking import wake

from .door import OPERATE, WebRequest, command, page
from .live import leave


@page(OPERATE)
def version_use(request: WebRequest, slug: str, number: int) -> HttpResponseBase:
    """Asks what happens to the documents that wait, with the price of each answer."""
    version = _find(slug, number)
    if version.pk == version.task.version_in_use_id:
        raise Http404(f"{version} is in use already.")
    return _ask(request, version)


@command()
def version_put_in_use(request: WebRequest, slug: str, number: int) -> HttpResponseBase:
    version = _find(slug, number)
    move = request.POST.get("waiting") == "move"
    try:
        outcome = drafts.put_in_use(
            version.task,
            version,
            seen=request.POST.get("seen", ""),
            seen_in_use=request.POST.get("seen_in_use", ""),
            move=move,
            by=request.user,
        )
    except Stale as stale:
        said = f"Not put in use: {who_was_first(stale)} Look at it, and put it in use again if you still want that."
        return leave(request, said, to=reverse("task", args=[slug]), failed=True)
    wake()
    words = _moved(outcome, version) if move else "Documents that wait keep the version they came in with."
    return leave(request, f"{version} is in use. {words}", to=reverse("task", args=[slug]))


@command()
def version_discard(request: WebRequest, slug: str, number: int) -> HttpResponseBase:
    version = _find(slug, number)
    to = reverse("task", args=[slug])
    try:
        drafts.discard(version.task, seen=request.POST.get("seen", ""), by=request.user)
    except Stale as stale:
        return leave(request, f"Not discarded: {who_was_first(stale)}", to=to, failed=True)
    return leave(request, f"The draft v{number} is set aside; its page keeps its words.", to=to)


@command()
def task_move(request: WebRequest, slug: str) -> HttpResponseBase:
    """What was left with earlier versions moves to the one in use after all."""
    task = get_object_or_404(LabelingTask.objects.select_related("version_in_use__task"), slug=slug)
    to = reverse("task", args=[slug])
    if task.version_in_use is None:
        return leave(request, "Nothing moved: no version is in use.", to=to, failed=True)
    outcome = drafts.move_the_rest(task, by=request.user)
    wake()
    return leave(request, _moved(outcome, task.version_in_use), to=to)


def who_was_first(stale: Stale) -> str:
    """Who saved or put in use what, and when."""
    if stale.newest is None:
        return "the draft is gone: somebody discarded it."
    when = f" at {timezone.localtime(stale.at):%H:%M:%S}" if stale.at else ""
    return f"{stale.by} {stale.act} version {stale.newest.number}{when}."


def _ask(request: WebRequest, version: LabelingTaskVersion) -> HttpResponseBase:
    task = version.task
    context = {"task": task, "version": version, "in_use": task.version_in_use, "asked": report.what_waits(version)}
    return render(request, "tasks/use.html", context)


def _moved(outcome: PutInUse, version: LabelingTaskVersion) -> str:
    if outcome.is_still_moving:
        return f"{noun(outcome.moved, 'document')} moved to v{version.number} so far; a worker moves the rest."
    return f"{noun(outcome.moved, 'document')} moved to v{version.number}."


def _find(slug: str, number: int) -> LabelingTaskVersion:
    versions = LabelingTaskVersion.objects.select_related("task__version_in_use")
    return get_object_or_404(versions, task__slug=slug, number=number)
