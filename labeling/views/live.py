"""Pages whose parts refresh by themselves, and commands that answer with the changed part and a toast.

A page template has the partials `headline` and `live`, and may have `acts` with its forms. The live
part polls with the digest of what it shows: nothing changed is a 204, and htmx swaps nothing. Forms
stay out of it, because typed text would be lost; `acts` comes along only when the phase changed.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from labeling.templatetags.shell import nav_counts

from .door import WebRequest

UNDO = "undo:"
"""Before the address that takes back what a message tells."""

FAST, ACTIVE, IDLE = 2, 5, 30
"""Seconds between two looks: while a file is read or imported, while batches are in flight, otherwise."""


@dataclass(frozen=True, slots=True)
class LivePage:
    """A page in its present state. `every` None: nothing can change any more, so it does not poll."""

    template: str
    url: str
    every: int | None
    context: dict[str, Any] = field(default_factory=dict)
    phase: str = ""
    has_acts: bool = False


@dataclass(frozen=True, slots=True)
class Region:
    """The rendered live part with its digest."""

    html: SafeString
    headline: SafeString
    digest: str
    url: str
    every: int | None
    phase: str
    counts: dict[str, int]


def show(request: WebRequest, page: LivePage, status: int = 200) -> HttpResponse:
    """The whole page."""
    return render(request, page.template, {**page.context, "region": _region(request, page)}, status=status)


def refresh(request: WebRequest, page: LivePage) -> HttpResponse:
    """The live part, or 204 where it shows what the reader has already."""
    region = _region(request, page)
    if request.GET.get("v") == region.digest:
        return HttpResponse(status=204)
    return _parts(request, page, region, with_acts=request.GET.get("phase") != region.phase)


def answer(
    request: WebRequest, sentence: str, *, page: LivePage, back: str, failed: bool = False, undo: str = ""
) -> HttpResponseBase:
    """What a command answers: with htmx the changed parts and a toast, without it a redirect and a message.

    `undo` is the address that takes it back.
    """
    _tell(request, sentence, failed=failed, undo=undo)
    if not request.htmx:
        return redirect(back)
    return _parts(request, page, _region(request, page), with_acts=True)


def leave(request: WebRequest, sentence: str, *, to: str, failed: bool = False, undo: str = "") -> HttpResponseBase:
    """A command that ends on another page; the message is shown there."""
    _tell(request, sentence, failed=failed, undo=undo)
    if not request.htmx:
        return redirect(to)
    response = HttpResponse(status=204)
    response["HX-Redirect"] = to
    return response


def _tell(request: WebRequest, sentence: str, *, failed: bool, undo: str) -> None:
    (messages.error if failed else messages.success)(request, sentence, extra_tags=f"{UNDO}{undo}" if undo else "")


def _region(request: WebRequest, page: LivePage) -> Region:
    html = render_to_string(f"{page.template}#live", page.context, request)
    headline = render_to_string(f"{page.template}#headline", page.context, request)
    counts = nav_counts(request)
    shown = f"{html}\0{headline}\0{counts}\0{page.every}"
    digest = hashlib.sha256(shown.encode()).hexdigest()[:12]
    return Region(html, headline, digest, page.url, page.every, page.phase, counts)


def _parts(request: WebRequest, page: LivePage, region: Region, *, with_acts: bool) -> HttpResponse:
    context = {
        **page.context,
        "region": region,
        "acts": render_to_string(f"{page.template}#acts", page.context, request)
        if with_acts and page.has_acts
        else None,
        "toasts": messages.get_messages(request),
    }
    return render(request, "parts/refreshed.html", context)
