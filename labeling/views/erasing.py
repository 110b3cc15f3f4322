"""Erase documents or an upload, and how long a task keeps words: for admins, with a reason and a typed word."""

from django.http import Http404, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse

from labeling.forms.erasing import EraseForm, RetentionForm
from labeling.models import Document, LabelingTask, Selection, Upload
from labeling.pipeline.erase import (
    MOST_DOCUMENTS,
    NotErased,
    erase_documents,
    erase_selection,
    erase_upload,
    set_retention,
)
from labeling.reports import erasing as report
from labeling.reports import selections
from labeling.reports.paging import a_word, an_id
from labeling.templatetags.figures import noun
from labeling.waking import wake_eraser

from .door import ADMINISTER, WebRequest, command, form_page
from .live import leave
from .reader import settings_of


@form_page(ADMINISTER)
def erase(request: WebRequest) -> HttpResponseBase:
    """`?u=12` an upload, `?s=Ab12Cd34Ef56` a selection, `?d=5&d=6` documents."""
    upload_id = an_id(request.GET.get("u"))
    ids = [pk for pk in map(an_id, request.GET.getlist("d")[: MOST_DOCUMENTS + 1]) if pk is not None]
    if upload_id is not None:
        return _upload(request, get_object_or_404(Upload.objects.select_related("erasure"), pk=upload_id))
    if key := a_word(request.GET.get("s")):
        return _selection(request, get_object_or_404(Selection, key=key, frozen_at__isnull=False))
    if not ids:
        raise Http404("Nothing is named that could be erased.")
    return _documents(request, report.of_documents(ids))


def _upload(request: WebRequest, upload: Upload) -> HttpResponseBase:
    word = f"U-{upload.pk}"
    form = EraseForm(request.POST if request.method == "POST" else None, word=word)
    if request.method == "POST" and form.is_valid():
        try:
            erase_upload(upload, by=request.user, reason=form.cleaned_data["reason"])
        except NotErased as refusal:
            form.add_error(None, str(refusal))
        else:
            wake_eraser()
            said = f"{word} is being erased; nothing of it leaves any more."
            return leave(request, said, to=reverse("upload", args=[upload.pk]))
    return _ask(request, form, {"word": word, "upload": upload, "seen": report.of_upload(upload)})


def _selection(request: WebRequest, selection: Selection) -> HttpResponseBase:
    word = noun(selection.documents, "document")
    form = EraseForm(request.POST if request.method == "POST" else None, word=word)
    if request.method == "POST" and form.is_valid():
        reason, with_copies = form.cleaned_data["reason"], form.cleaned_data["with_copies"]
        try:
            erasure = erase_selection(
                selection, settings_of(request), by=request.user, reason=reason, with_copies=with_copies
            )
        except NotErased as refusal:
            form.add_error(None, str(refusal))
        else:
            wake_eraser()
            said = f"Erased {word}." if erasure.done_at else f"{word} are being erased; this page says how far it is."
            return leave(request, said, to=reverse("selection", args=[selection.key]))
    picked = selections.chosen(selection)
    copies = report.copies_of(selection)
    return _ask(request, form, {"word": word, "selection": selection, "picked": picked, "copies": copies})


def _documents(request: WebRequest, seen: report.OfDocuments) -> HttpResponseBase:
    if not seen.documents:
        raise Http404("These documents are not there, or were erased before.")
    first = seen.documents[0]
    word = f"D-{first.pk}" if len(seen.documents) == 1 else noun(len(seen.documents), "document")
    form = EraseForm(request.POST if request.method == "POST" else None, word=word)
    if request.method == "POST" and form.is_valid():
        chosen = Document.objects.filter(pk__in=[document.pk for document in seen.documents])
        try:
            erase_documents(
                chosen,
                settings_of(request),
                by=request.user,
                reason=form.cleaned_data["reason"],
                with_copies=form.cleaned_data["with_copies"],
            )
        except NotErased as refusal:
            form.add_error(None, str(refusal))
        else:
            return leave(request, f"Erased {word}.", to=reverse("document", args=[first.pk]))
    context = {"word": word, "seen": seen, "documents": seen.documents, "copies": seen.copies}
    return _ask(request, form, context)


def _ask(request: WebRequest, form: EraseForm, context: dict[str, object]) -> HttpResponseBase:
    return render(request, "erase.html", {"form": form, **context}, status=422 if form.is_bound else 200)


@command(ADMINISTER)
def task_retention(request: WebRequest, slug: str) -> HttpResponseBase:
    task = get_object_or_404(LabelingTask, slug=slug)
    form, back = RetentionForm(request.POST), reverse("task", args=[slug])
    if not form.is_valid():
        return leave(request, "Not changed: write a whole number of days, or nothing.", to=back, failed=True)
    days = form.cleaned_data["days"]
    if not set_retention(task, days, by=request.user):
        return redirect(back)
    words = "for ever" if days is None else f"for {noun(days, 'day')}"
    return leave(request, f"{task.name} keeps texts {words}.", to=back)
