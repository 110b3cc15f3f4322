"""What every door has: a permission that is checked on the server, and the reader's zone."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings as django_settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import resolve_url
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers
from django_htmx.middleware import HtmxDetails

from .reader import shown_zone

VIEW, OPERATE, ADMINISTER = "labeling.view", "labeling.operate", "labeling.administer"


class WebRequest(HttpRequest):
    """A request as the middleware leaves it."""

    htmx: HtmxDetails


View = Callable[..., HttpResponseBase]


def page(permission: str = VIEW) -> Callable[[View], View]:
    """A page: GET only, with a permission; a signed-in user without it gets the 403 page."""
    return lambda view: require_safe(_guarded(view, permission))


def command(permission: str = OPERATE) -> Callable[[View], View]:
    """A command: POST only, with a permission that is checked on the server again."""
    return lambda view: require_POST(_guarded(view, permission))


def form_page(permission: str = OPERATE) -> Callable[[View], View]:
    """A page with the form that it takes back: GET and POST."""
    return lambda view: require_http_methods(["GET", "HEAD", "POST"])(_guarded(view, permission))


def live_part(view: View) -> View:
    """A region that polls: who is signed out meanwhile is sent to sign in, not shown a sign-in form inside a page."""

    @wraps(view)
    def guarded(request: WebRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            return _guarded(view, VIEW)(request, *args, **kwargs)
        if not request.htmx:
            return redirect_to_login(request.get_full_path())
        response = HttpResponse(status=401)
        response["HX-Redirect"] = resolve_url(django_settings.LOGIN_URL)
        return response

    return login_not_required(require_safe(guarded))


def _guarded(view: View, permission: str) -> View:
    @wraps(view)
    @never_cache
    @vary_on_headers("HX-Request")
    def guarded(request: WebRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.has_perm(permission):
            raise PermissionDenied(NEEDED[permission])
        with timezone.override(shown_zone(request)):
            return view(request, *args, **kwargs)

    return guarded


NEEDED = {
    VIEW: "Your account has no role yet. An admin can make you a viewer, an operator or an admin.",
    OPERATE: "This needs the role operator.",
    ADMINISTER: "This needs the role admin.",
}
