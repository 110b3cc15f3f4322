"""How the house runs: who did what, settings, theme, health."""

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from labeling import status
from labeling.models import Activity
from labeling.reports.paging import a_word, an_id, page_of

from .door import WebRequest, page
from .reader import THEME_COOKIE, THEMES

A_YEAR = 365 * 24 * 3600


@page()
def activity(request: WebRequest) -> HttpResponseBase:
    rows = Activity.objects.select_related("user")
    by, subject = a_word(request.GET.get("by")), a_word(request.GET.get("subject"))
    if by:
        rows = rows.filter(by=by)
    if subject:
        rows = rows.filter(subject=subject)
    found = page_of(rows, before=an_id(request.GET.get("before")), after=an_id(request.GET.get("after")))
    return render(request, "activity.html", {"page": found, "by": by, "subject": subject})


@login_not_required
@require_POST
def theme(request: HttpRequest) -> HttpResponseBase:
    back = request.POST.get("next", "/")
    safe = url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure())
    response = redirect(back if safe else "/")
    if request.POST.get("theme") in THEMES:
        response.set_cookie(THEME_COOKIE, request.POST["theme"], max_age=A_YEAR, samesite="Lax", httponly=True)
    else:
        response.delete_cookie(THEME_COOKIE)
    return response


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
        queues = status.cluster(timezone.now())["queues"]
    except DatabaseError:
        return JsonResponse({"database": False, "queues": {}}, status=503)
    return JsonResponse({"database": True, "queues": queues}, status=200 if all(queues.values()) else 503)
