"""A file over the limit is refused by what its sender says of it, before one byte of it is read."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render

from .reader import settings_of

BESIDE_THE_FILE = 26_000_000
"""Bytes of a form around its file: pasted text, and the marks between the fields."""


def refuse_too_large(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Middleware. Runs before anything looks at the form, because looking reads all of it to the disk."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        told = request.META.get("CONTENT_LENGTH") or "0"
        size = int(told) if told.isascii() and told.isdecimal() else 0
        if size > BESIDE_THE_FILE and size > (limit := settings_of(request).upload_bytes) + BESIDE_THE_FILE:
            return render(request, "413.html", {"size": size, "limit": limit}, status=413)
        return get_response(request)

    return middleware
