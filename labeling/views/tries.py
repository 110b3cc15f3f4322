"""Trying a version on documents that are there already, and the page with what came of it."""

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse

from labeling.forms.fields import first_error
from labeling.forms.trying import TryForm
from labeling.models import LabelingTaskVersion, Upload
from labeling.pipeline.trying import NotTried, try_on_documents, try_on_text
from labeling.reports import trying as report
from labeling.states import UploadKind
from labeling.waking import wake

from .door import WebRequest, command, live_part, page
from .live import FAST, LivePage, leave, refresh, show


@command()
def version_try(request: WebRequest, slug: str, number: int) -> HttpResponseBase:
    """Random documents, those with a gold label, one by its id, or a text: sent now, in real time."""
    versions = LabelingTaskVersion.objects.select_related("task__version_in_use")
    version = get_object_or_404(versions, task__slug=slug, number=number)
    form = TryForm(request.POST)
    try:
        if not form.is_valid():
            raise NotTried(first_error(form))
        upload = _try(request, version, form)
    except NotTried as refusal:
        to = f"{reverse('task', args=[slug])}?version={number}"
        return leave(request, f"Not tried: {refusal}", to=to, failed=True)
    wake()
    return redirect("trial", slug, upload.pk)


@page()
def trial(request: WebRequest, slug: str, pk: int) -> HttpResponseBase:
    return show(request, _page(_find(slug, pk)))


@live_part
def trial_live(request: WebRequest, slug: str, pk: int) -> HttpResponseBase:
    return refresh(request, _page(_find(slug, pk)))


def _try(request: WebRequest, version: LabelingTaskVersion, form: TryForm) -> Upload:
    chosen = form.cleaned_data
    seen = chosen["seen"]
    if chosen["on"] == "text":
        return try_on_text(version, chosen["text"], seen=seen, by=request.user)
    if chosen["on"] == "document":
        ids = report.known_document(version, chosen["document"])
    else:
        ids = report.choose(version.task_id, chosen["count"], unknown_to=version.pk, gold=chosen["on"] == "gold")
    return try_on_documents(version, ids, seen=seen, by=request.user)


def _find(slug: str, pk: int) -> Upload:
    uploads = Upload.objects.filter(kind=UploadKind.TRIAL).select_related("version__task__version_in_use", "created_by")
    return get_object_or_404(uploads, pk=pk, version__task__slug=slug)


def _page(upload: Upload) -> LivePage:
    seen = report.tried(upload)
    context = {"upload": upload, "version": upload.version, "task": upload.version.task, "seen": seen}
    url = reverse("trial_live", args=[upload.version.task.slug, upload.pk])
    return LivePage("tasks/trial.html", url, FAST if seen.waiting else None, context)
