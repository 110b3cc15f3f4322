"""Documents: search and filters in the address, and one document with its history."""

from django.http import HttpResponseBase, QueryDict
from django.shortcuts import get_object_or_404, redirect, render

from labeling import counts, waiting
from labeling.finding import GOLD, SOURCES, Filters
from labeling.forms.documents import DocumentFilterForm
from labeling.models import Document, LabelingTask, Selection
from labeling.reports import documents as report
from labeling.reports import finding
from labeling.reports.paging import an_id
from labeling.states import DocumentState, FailureReason

from .door import WebRequest, page
from .reader import settings_of

CHIPS = {
    "version": "version {}",
    "label": "label {}",
    "gold": "gold {}",
    "cause": "failed: {}",
    "source": "source {}",
    "upload": "U-{}",
    "batch": "B-{}",
    "list": "list {}",
}
"""Filters that stand as chips which can be taken away; the others have a field of their own."""


@page()
def documents(request: WebRequest) -> HttpResponseBase:
    filters = filters_of(request.GET)
    named = finding.document_in_words(filters.q)
    if named is not None and Document.objects.filter(pk=named).exists():
        return redirect("document", named)
    context = {
        "filters": filters,
        "query": filters.as_query(),
        "found": finding.find(filters, before=an_id(request.GET.get("before"))),
        "chips": _chips(filters),
        "is_first": not request.GET.get("before"),
    }
    if request.htmx:
        return render(request, "documents/list.html#found", context)
    context |= {
        "tasks": LabelingTask.objects.order_by("name"),
        "states": list(DocumentState),
        "causes": list(FailureReason),
        "golds": GOLD,
        "sources": SOURCES,
        "all_states": counts.documents_by_state(),
        "selection": Selection.objects.filter(key=filters.list).first() if filters.list else None,
    }
    return render(request, "documents/list.html", context)


@page()
def document(request: WebRequest, pk: int) -> HttpResponseBase:
    found = get_object_or_404(Document.objects.select_related("version__task", "upload", "result", "erasure"), pk=pk)
    return render(
        request,
        "documents/detail.html",
        {
            "document": found,
            "history": report.history(found),
            "reason_sentence": _sentence(found),
            "why": waiting.of_document(found, settings_of(request)),
        },
    )


def filters_of(query: QueryDict) -> Filters:
    """What cannot be read counts as any."""
    form = DocumentFilterForm(query)
    form.is_valid()
    return Filters(**{name: value for name, value in form.cleaned_data.items() if value not in ("", None)})


def _chips(filters: Filters) -> list[tuple[str, str]]:
    """The name of each filter that has no field of its own, and what it says."""
    return [(name, CHIPS[name].format(value)) for name, value in filters.as_query().items() if name in CHIPS]


def _sentence(document: Document) -> str:
    return FailureReason(document.failure_reason).sentence if document.failure_reason else ""
