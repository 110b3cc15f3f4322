"""Labeling tasks: what is asked of the model, in versions; an edit makes a draft."""

import json
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from labeling import prompts
from labeling.forms import ReasonForm, TaskForm
from labeling.models import LabelingTask, LabelingTaskVersion
from labeling.pipeline import drafts, pausing
from labeling.pipeline.define import Definition, SpecRefused, define
from labeling.pipeline.drafts import Saved, Stale
from labeling.reports import tasks as report
from labeling.reports import trying
from labeling.reports.resuming import resuming
from labeling.states import Kind
from labeling.waking import wake

from . import versions
from .door import WebRequest, command, form_page, page
from .live import leave
from .reader import settings_of


@page()
def tasks(request: WebRequest) -> HttpResponseBase:
    return render(request, "tasks/list.html", {"lines": report.task_lines()})


@page()
def task(request: WebRequest, slug: str) -> HttpResponseBase:
    found = _find(slug)
    version = _version(found, request.GET.get("version"))
    gate = getattr(found, "gate", None)
    context = {
        "task": found,
        "seen": report.task_view(found),
        "version": version,
        "draft": found.draft,
        "offer": trying.offer(version) if version else None,
        "trials": trying.trials_of(found),
        "schema": _schema_text(version.schema) if version and version.schema else "",
        "prefix": prompts.prefix(version.spec) if version else "",
        "gate": gate,
        "resuming": resuming(settings_of(request), timezone.now(), found) if gate and gate.closed_at else None,
        "advice": prompts.advice(version.spec) if version else [],
    }
    return render(request, "tasks/detail.html", context)


@form_page()
def task_new(request: WebRequest) -> HttpResponseBase:
    form = TaskForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if LabelingTask.objects.filter(slug=form.cleaned_data["slug"]).exists():
            form.add_error("slug", "A task with this short name exists already: open it and edit it there.")
        elif made := _make(request, form):
            return made
    return _form(request, form, None)


@form_page()
def task_edit(request: WebRequest, slug: str) -> HttpResponseBase:
    """The open draft, or the version in use to begin one with."""
    found = _find(slug)
    if request.method != "POST":
        base = drafts.base_of(found)
        return _form(request, TaskForm.of_version(base) if base else TaskForm(initial={"slug": slug}), found)
    posted = request.POST.copy()
    posted["slug"] = slug
    form = TaskForm(posted)
    if form.is_valid() and (saved := _save_draft(request, form, found)):
        return saved
    return _form(request, form, found)


@command()
def task_pause(request: WebRequest, slug: str) -> HttpResponseBase:
    found = _find(slug)
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return leave(request, "Not paused: say why, in a few words.", to=_url(slug), failed=True)
    if not pausing.pause_task(found, by=request.user, reason=form.cleaned_data["reason"]):
        return leave(request, f"{found} was paused already; the first reason stays.", to=_url(slug))
    on_its_way = pausing.claimed(found)
    left = f" Already on its way: {', '.join(on_its_way)}." if on_its_way else ""
    return leave(request, f"{found} is paused: nothing of it leaves any more.{left}", to=_url(slug))


@command()
def task_resume(request: WebRequest, slug: str) -> HttpResponseBase:
    found = _find(slug)
    opened = pausing.resume_task(found, by=request.user)
    wake()
    return leave(request, f"{found} leaves again." if opened else f"{found} was not paused any more.", to=_url(slug))


def _find(slug: str) -> LabelingTask:
    return get_object_or_404(LabelingTask.objects.select_related("version_in_use", "gate"), slug=slug)


def _url(slug: str) -> str:
    return reverse("task", args=[slug])


def _version(task: LabelingTask, number: str | None) -> LabelingTaskVersion | None:
    """The version that the address names, else the one in use."""
    if number is None:
        return task.version_in_use
    if not number.isdecimal():
        raise Http404(f"There is no version {number}.")
    return get_object_or_404(task.versions, number=int(number))


def _form(
    request: WebRequest, form: TaskForm, task: LabelingTask | None, newest: LabelingTaskVersion | None = None
) -> HttpResponseBase:
    context = {
        "form": form,
        "task": task,
        "draft": task.draft if task else None,
        "newest": newest,
        "kinds": list(Kind),
        "label_rows": form.label_rows(),
        "schema_text": form["schema"].value() or "",
    }
    return render(request, "tasks/form.html", context, status=422 if form.is_bound and form.errors else 200)


def _make(request: WebRequest, form: TaskForm) -> HttpResponseBase | None:
    """Where the new task is, its first version in use; None when it cannot be used, and then the form says why."""
    chosen = form.cleaned_data
    definition = Definition(chosen["slug"], chosen["name"], form.spec(), chosen["priority"] or 0)
    try:
        made = define(definition, by=request.user)
    except SpecRefused as refusal:
        form.add_errors(refusal.sentences)
        return None
    messages.success(request, f"{made.version} is in use.")
    return redirect("task", chosen["slug"])


def _save_draft(request: WebRequest, form: TaskForm, task: LabelingTask) -> HttpResponseBase | None:
    """Where the draft is; None when it was refused, and then the form says why and still has what was typed."""
    chosen = form.cleaned_data
    try:
        saved = drafts.save(
            task,
            form.spec(),
            name=chosen["name"],
            priority=chosen["priority"] or 0,
            based_on=chosen["over"] or chosen["based_on"],
            by=request.user,
        )
    except SpecRefused as refusal:
        form.add_errors(refusal.sentences)
        return None
    except Stale as stale:
        form.add_error(None, f"{versions.who_was_first(stale)} Yours is still here, not saved.")
        return _form(request, form, task, stale.newest)
    words = {
        Saved.UNCHANGED: "Nothing to save: it says the same as before.",
        Saved.REPLACED: f"Saved as the draft v{saved.version.number}; the one before was tried and keeps its words.",
    }
    messages.success(request, words.get(saved.what, f"The draft v{saved.version.number} is saved; it is not in use."))
    return redirect(f"{_url(task.slug)}?version={saved.version.number}")


def _schema_text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False)
