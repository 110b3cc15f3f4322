"""A decision about so many documents that nobody should wait for it: a worker moves them, its page shows how far."""

from typing import Any

from django.http import HttpResponseBase
from django.urls import reverse

from labeling.pipeline import bulk
from labeling.querysets import DocumentQuerySet
from labeling.states import BulkKind
from labeling.templatetags.figures import noun
from labeling.waking import wake

from .door import WebRequest
from .live import leave


def by_a_worker(
    request: WebRequest,
    documents: DocumentQuerySet,
    kind: BulkKind,
    *,
    title: str,
    back: str,
    subject: str = "",
    **how: Any,
) -> HttpResponseBase:
    """Notes the documents and leads to the page of the act; `back` where the same is under way already."""
    act = bulk.decide(documents, kind, title=title, subject=subject, user=request.user, **how)
    if act is None:
        said = "Not done: the same was decided a moment ago and is still under way."
        return leave(request, said, to=back, failed=True)
    wake()
    said = f"It is under way, with {noun(act.selection.documents, 'document')}. You can leave this page, it goes on."
    return leave(request, said, to=reverse("selection", args=[act.selection.key]))
