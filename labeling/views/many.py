"""A decision about so many documents that nobody should wait for it: a worker moves them, its page shows how far."""

from typing import Any

from django.http import HttpResponseBase
from django.urls import reverse

from labeling.finding import Filters
from labeling.pipeline import bulk
from labeling.states import BulkKind
from labeling.waking import wake

from .door import WebRequest
from .live import leave

UNDER_WAY = "It is under way. You can leave this page, it goes on."
STILL_UNDER_WAY = "Not done: the same was decided a moment ago and is still under way."


def by_a_worker(
    request: WebRequest,
    filters: Filters,
    kind: BulkKind,
    *,
    title: str,
    back: str,
    subject: str = "",
    **how: Any,
) -> HttpResponseBase:
    """Writes it down and leads to the page of the act; `back` where the same is under way already."""
    act = bulk.decide(filters, kind, title=title, subject=subject, user=request.user, **how)
    if act is None:
        return leave(request, STILL_UNDER_WAY, to=back, failed=True)
    wake()
    return leave(request, UNDER_WAY, to=reverse("selection", args=[act.selection.key]))
