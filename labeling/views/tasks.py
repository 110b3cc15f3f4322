"""Labeling tasks: what is asked of the model, in versions; an edit makes the next one."""

import json
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse

from labeling import prompts
from labeling.forms import ReasonForm, TaskForm
from labeling.models import LabelingTask, LabelingTaskVersion
from labeling.pipeline import pausing
from labeling.pipeline.define import Defined, Definition, SpecRefused, define
from labeling.reports import tasks as report
from labeling.states import Kind
from labeling.waking import wake

from .door import WebRequest, command, form_page, page
from .live import leave


@page()
def tasks(request: WebRequest) -> HttpResponseBase:
    return render(request, "tasks/list.html", {"lines": report.task_lines()})


@page()
def task(request: WebRequest, slug: str) -> HttpResponseBase:
    found = _find(slug)
    version = _version(found, request.GET.get("version"))
    context = {
        "task": found,
        "seen": report.task_view(found),
        "version": version,
        "schema": _schema_text(version.schema) if version and version.schema else "",
        "prefix": prompts.prefix(version.spec) if version else "",
        "gate": getattr(found, "gate", None),
        "advice": prompts.advice(version.spec) if version else [],
    }
    return render(request, "tasks/detail.html", context)


@form_page()
def task_new(request: WebRequest) -> HttpResponseBase:
    form = TaskForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if LabelingTask.objects.filter(slug=form.cleaned_data["slug"]).exists():
            form.add_error("slug", "A task with this short name exists already: open it and edit it there.")
        elif saved := _save(request, form):
            return saved
    return _form(request, form, None)


@form_page()
def task_edit(request: WebRequest, slug: str) -> HttpResponseBase:
    found = _find(slug)
    version = found.version_in_use
    if request.method != "POST":
        return _form(request, TaskForm.of_version(version) if version else TaskForm(initial={"slug": slug}), found)
    posted = request.POST.copy()
    posted["slug"] = slug
    form = TaskForm(posted)
    if form.is_valid():
        if version and form.cleaned_data["based_on"] != version.number:
            form.add_error(None, _stale(version))
        elif saved := _save(request, form):
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
    return leave(request, f"{found} is paused: nothing of it leaves any more.", to=_url(slug))


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


def _form(request: WebRequest, form: TaskForm, task: LabelingTask | None) -> HttpResponseBase:
    context = {
        "form": form,
        "task": task,
        "kinds": list(Kind),
        "label_rows": form.label_rows(),
        "schema_text": form["schema"].value() or "",
    }
    return render(request, "tasks/form.html", context, status=422 if form.is_bound and form.errors else 200)


def _save(request: WebRequest, form: TaskForm) -> HttpResponseBase | None:
    """Where the saved task is; None when it cannot be used, and then the form says why."""
    chosen = form.cleaned_data
    definition = Definition(chosen["slug"], chosen["name"], form.spec(), chosen["priority"] or 0)
    try:
        saved = define(definition, by=request.user)
    except SpecRefused as refusal:
        for sentence in refusal.sentences:
            form.add_error(None, sentence)
        return None
    old = (
        f" {saved.waiting_on_old:,} documents that wait keep the version they came in with."
        if saved.waiting_on_old
        else ""
    )
    said = (
        f"{saved.version} is in use."
        if saved.what is not Defined.UNCHANGED
        else "Nothing to save: it says the same as before."
    )
    messages.success(request, said + old)
    return redirect("task", chosen["slug"])


def _schema_text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False)


def _stale(version: LabelingTaskVersion) -> str:
    """A stale edit is refused with who saved what."""
    who = version.created_by.get_username() if version.created_by else "A command"
    return (
        f"Not saved: {who} saved version {version.number} at {version.created_at:%H:%M} UTC while you were editing. "
        "Open the task again in another tab and put your change on top of it."
    )
