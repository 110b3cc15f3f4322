"""Documents: search and filters in the address, and one document with its history."""

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render

from labeling.forms import DocumentFilterForm
from labeling.models import Document, LabelingTask
from labeling.reports import documents as report
from labeling.reports.documents import Filters
from labeling.reports.paging import an_id
from labeling.states import DocumentState, FailureReason

from .door import WebRequest, page


@page()
def documents(request: WebRequest) -> HttpResponseBase:
    filters = _filters(request)
    named = report.document_in_words(filters.q)
    if named is not None and Document.objects.filter(pk=named).exists():
        return redirect("document", named)
    context = {
        "filters": filters,
        "found": report.find(filters, before=an_id(request.GET.get("before"))),
        "tasks": LabelingTask.objects.order_by("name"),
        "states": list(DocumentState),
        "is_first": not request.GET.get("before"),
    }
    template = "documents/list.html#found" if request.htmx else "documents/list.html"
    return render(request, template, context)


@page()
def document(request: WebRequest, pk: int) -> HttpResponseBase:
    found = get_object_or_404(Document.objects.select_related("version__task", "upload", "result"), pk=pk)
    return render(
        request,
        "documents/detail.html",
        {"document": found, "history": report.history(found), "reason_sentence": _sentence(found)},
    )


def _filters(request: WebRequest) -> Filters:
    form = DocumentFilterForm(request.GET)
    form.is_valid()
    read = form.cleaned_data
    return Filters(
        q=read.get("q", ""),
        task=read.get("task", ""),
        state=read.get("state", ""),
        upload=read.get("upload"),
        label=read.get("label", ""),
    )


def _sentence(document: Document) -> str:
    return FailureReason(document.failure_reason).sentence if document.failure_reason else ""
