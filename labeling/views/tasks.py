"""Labeling tasks: the list, and one with its versions and what happened under them."""

import json
from typing import Any

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone

from labeling.forms.decisions import HoldForm
from labeling.messages import prompts
from labeling.models import Gate, LabelingTask, LabelingTaskVersion
from labeling.pipeline import hold, pausing
from labeling.reports import listed, trying
from labeling.reports import tasks as report
from labeling.reports.erasing import keeping
from labeling.reports.paging import a_word, an_id
from labeling.reports.resuming import resuming
from labeling.reports.standing import standing
from labeling.waking import wake

from .door import WebRequest, command, page
from .live import leave
from .reader import settings_of


@page()
def tasks(request: WebRequest) -> HttpResponseBase:
    return render(request, "tasks/list.html", {"lines": report.task_lines(settings_of(request))})


@page()
def task(request: WebRequest, slug: str) -> HttpResponseBase:
    found = _find(slug)
    version = _version(found, request.GET.get("version"))
    gate = getattr(found, "gate", None)
    context = {
        "task": found,
        "seen": report.task_view(found),
        "version": version,
        "change": report.change(version, _compared(found, request.GET.get("with"))) if version else None,
        "model": listed.look(version.model) if version else None,
        "draft": found.draft,
        "offer": trying.offer(version) if version else None,
        "trials": trying.trials_of(found),
        "keeping": keeping(found, timezone.now()),
        "schema": _schema_text(version.schema) if version and version.schema else "",
        "prefix": prompts.prefix(version.spec) if version else "",
        "gate": gate,
        "resuming": resuming(settings_of(request), timezone.now(), found) if gate and gate.closed_at else None,
        "standing": standing(found, settings_of(request)),
        "advice": prompts.advice(version.spec) if version else [],
    }
    return render(request, "tasks/detail.html", context)


@command()
def task_pause(request: WebRequest, slug: str) -> HttpResponseBase:
    found = _find(slug)
    form = HoldForm(request.POST)
    if not form.is_valid():
        return leave(request, "Not paused: say why, in a few words.", to=_url(slug), failed=True)
    if form.is_for_tonight:
        return _hold_for_tonight(request, found, form.cleaned_data["reason"])
    if not pausing.pause_task(found, by=request.user, reason=form.cleaned_data["reason"]):
        return leave(request, f"{found} was paused already; the first reason stays.", to=_url(slug))
    on_its_way = pausing.claimed(found)
    left = f" Already on its way: {', '.join(on_its_way)}." if on_its_way else ""
    return leave(request, f"{found} is paused: nothing of it leaves any more.{left}", to=_url(slug))


def _hold_for_tonight(request: WebRequest, task: LabelingTask, reason: str) -> HttpResponseBase:
    until = hold.night_after_next(settings_of(request), timezone.now())
    if not hold.hold_task(task, by=request.user, reason=reason, until=until):
        return leave(request, f"{task} was paused already; the first reason stays.", to=_url(task.slug), failed=True)
    return leave(request, f"{task} is held for tonight: it leaves with the night after.", to=_url(task.slug))


@command()
def task_resume(request: WebRequest, slug: str) -> HttpResponseBase:
    """What was seen is what is opened: a gate that was closed for another reason since stays closed."""
    found = _find(slug)
    if pausing.resume_task(found, by=request.user, seen=a_word(request.POST.get("seen"))):
        wake()
        return leave(request, f"{found} leaves again.", to=_url(slug))
    if gate := Gate.objects.filter(task=found, closed_at__isnull=False).first():
        why = f"Not resumed: by now {found} is paused by {gate.closed_by}: {gate.reason}"
        return leave(request, why, to=_url(slug), failed=True)
    return leave(request, f"{found} was not paused any more.", to=_url(slug))


def _find(slug: str) -> LabelingTask:
    return get_object_or_404(LabelingTask.objects.select_related("version_in_use", "gate"), slug=slug)


def _url(slug: str) -> str:
    return reverse("task", args=[slug])


def _compared(task: LabelingTask, number: str | None) -> LabelingTaskVersion | None:
    return _version(task, number) if number else None


def _version(task: LabelingTask, number: str | None) -> LabelingTaskVersion | None:
    """The version that the address names, else the one in use."""
    if number is None:
        return task.version_in_use
    return get_object_or_404(task.versions, number=an_id(number))


def _schema_text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False)
