"""How the house runs: theme, health."""

import hashlib

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBadRequest,
    HttpResponseBase,
    HttpResponseRedirect,
    JsonResponse,
)
from django.shortcuts import render
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views import defaults
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from labeling.health import heartbeat, status

from .reader import THEME_COOKIE, THEMES, shown_zone

A_YEAR = 365 * 24 * 3600


@login_not_required
@require_POST
def theme(request: HttpRequest) -> HttpResponseBase:
    back = request.POST.get("next", "/")
    safe = url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure())
    response = HttpResponseRedirect(back if safe else "/")
    if request.POST.get("theme") in THEMES:
        response.set_cookie(THEME_COOKIE, request.POST["theme"], max_age=A_YEAR, samesite="Lax", httponly=True)
    else:
        response.delete_cookie(THEME_COOKIE)
    return response


def not_understood(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400 without a look at the form: Django's own view looks for its token, and what could not be read fails again."""
    return HttpResponseBadRequest(render_to_string("400.html"))


def refused(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403, with times in the reader's zone as on every other page."""
    with timezone.override(shown_zone(request)):
        return defaults.permission_denied(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404, the same."""
    with timezone.override(shown_zone(request)):
        return defaults.page_not_found(request, exception)


@login_not_required
@require_safe
def offline(request: HttpRequest) -> HttpResponse:
    """What the browser shows while the server is away; it keeps it from the last visit."""
    return render(request, "offline.html")


@login_not_required
@never_cache
@require_safe
def service_worker(request: HttpRequest) -> HttpResponse:
    """Keeps the page above. Its address is the root's, because a worker reaches only what is below its own."""
    stand = hashlib.sha256(
        "".join(map(static, ("dash.css", "tokens.css", "icon.svg", "offline.js"))).encode()
    ).hexdigest()[:8]
    return render(request, "sw.js", {"stand": stand}, content_type="text/javascript")


@login_not_required
@never_cache
@require_safe
def health(request: HttpRequest) -> HttpResponse:
    """A word each for the database, the queues and the book; 200 when all are well, else 503."""
    found = status.health(timezone.now())
    return JsonResponse(found, status=200 if set(found.values()) <= status.WELL else 503)


@login_not_required
@never_cache
@require_safe
def workers_health(request: HttpRequest) -> HttpResponse:
    """200 when the database answers and a worker of every queue has beaten within three minutes, else 503."""
    try:
        queues = heartbeat.cluster(timezone.now())["queues"]
    except DatabaseError:
        return JsonResponse({"database": False, "queues": {}}, status=503)
    return JsonResponse({"database": True, "queues": queues}, status=200 if all(queues.values()) else 503)
