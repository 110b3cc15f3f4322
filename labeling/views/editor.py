"""The editor of a labeling task: its form, the exact request beside it, and its token count."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django_q.tasks import async_task

from labeling.forms.tasks import TaskForm
from labeling.models import LabelingTask, LabelingTaskVersion, TokenCount
from labeling.pipeline import drafts
from labeling.pipeline.define import Definition, SpecRefused, define
from labeling.pipeline.drafts import Saved, Stale
from labeling.reports import editing, listed
from labeling.reports.paging import an_id
from labeling.states import Kind
from labeling.transitions import token_counts

from . import versions
from .door import WebRequest, command, form_page, live_part

_URGENT = "urgent"


@form_page()
def task_new(request: WebRequest) -> HttpResponseBase:
    form = TaskForm(request.POST or None)
    if request.method != "POST" or (act := _act(request)) != "save":
        return _form(request, form, None, act=_act(request))
    if form.is_valid():
        if LabelingTask.objects.filter(slug=form.cleaned_data["slug"]).exists():
            form.add_error("slug", "A task with this short name exists already: open it and edit it there.")
        elif made := _make(request, form):
            return made
    return _form(request, form, None, act=act)


@form_page()
def task_edit(request: WebRequest, slug: str) -> HttpResponseBase:
    """The open draft, or the version in use to begin one with."""
    found = get_object_or_404(LabelingTask.objects.select_related("version_in_use", "gate"), slug=slug)
    if request.method != "POST":
        base = drafts.base_of(found)
        return _form(request, TaskForm.of_version(base) if base else TaskForm(initial={"slug": slug}), found)
    posted = request.POST.copy()
    posted["slug"] = slug
    form, act = TaskForm(posted), _act(request)
    if act == "save" and form.is_valid() and (saved := _save_draft(request, form, found)):
        return saved
    return _form(request, form, found, act=act)


@command()
def task_preview(request: WebRequest) -> HttpResponseBase:
    """The part of the editor that follows what is typed."""
    task = _task_of(request)
    return render(request, "tasks/preview.html", {"task": task, **_beside(request, TaskForm(request.POST), task)})


@command()
def task_count(request: WebRequest) -> HttpResponseBase:
    """A worker is asked for the exact count; the part asks again until it is there."""
    beside = _beside(request, TaskForm(request.POST), _task_of(request))["beside"]
    return render(request, "tasks/counted.html", {"counted": _want(beside), "now": timezone.now()})


@live_part
def tokens_live(request: WebRequest, digest: str) -> HttpResponseBase:
    counted = editing.token_count(digest)
    if counted is None:
        raise Http404("Nobody asked for this count.")
    return render(request, "tasks/counted.html", {"counted": counted, "now": timezone.now()})


def _act(request: WebRequest) -> str:
    """What the pressed button says; a form that says nothing is to be saved."""
    return request.POST.get("act") or "save"


def _task_of(request: WebRequest) -> LabelingTask | None:
    slug = request.POST.get("task", "").replace("\0", "")
    return LabelingTask.objects.filter(slug=slug).select_related("version_in_use").first() if slug else None


def _form(
    request: WebRequest,
    form: TaskForm,
    task: LabelingTask | None,
    newest: LabelingTaskVersion | None = None,
    *,
    act: str = "save",
) -> HttpResponseBase:
    is_saving = request.method == "POST" and act == "save"
    if request.method == "POST" and not is_saving:
        form = form.as_typed(act)
    context = {
        "form": form,
        "task": task,
        "draft": task.draft if task else None,
        "newest": newest,
        "kinds": list(Kind),
        "models": listed.choices(),
        "age": listed.age(),
        "label_rows": form.label_rows(),
        "schema_text": form["schema"].value() or "",
        **_beside(request, form, task, another=act == "another"),
    }
    if act == "count":
        context["counted"] = _want(context["beside"])
        context["now"] = timezone.now()
    return render(request, "tasks/form.html", context, status=422 if is_saving and form.errors else 200)


def _beside(
    request: WebRequest, form: TaskForm, task: LabelingTask | None, *, another: bool | None = None
) -> dict[str, Any]:
    sample_id = an_id(request.POST.get("sample"))
    wants_another = _act(request) == "another" if another is None else another
    return {"beside": editing.beside(form.rough_spec(), task, sample_id, another=wants_another)}


def _want(beside: editing.Beside) -> TokenCount | None:
    """None where nothing can be counted yet."""
    if beside.preview.problems:
        return None
    now: datetime = timezone.now()
    row, ask = token_counts.want(beside.preview.params, now)
    if ask:
        async_task("labeling.tasks.count_tokens", row.pk, cluster=_URGENT)
    return row


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
    return redirect(f"{reverse('task', args=[task.slug])}?version={saved.version.number}")
