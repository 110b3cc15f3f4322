"""Signing in: a few tries for each name from each address, one-time passwords that end, and their change first.

It is an authentication backend, so every door has it: the product's page, the admin's, and whatever comes.
A try is counted before the password is looked at, in one statement, so guesses at the same time cannot slip through.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from labeling.models import OneTimePassword, SignInTries

MOST_TRIES = 5
WINDOW = timedelta(minutes=15)
MUST_CHANGE = "nightshift_must_change_password"
"""In the session, as long as its user has a one-time password."""

_COUNT = """
    INSERT INTO labeling_signintries AS t (name, address, tries, since) VALUES (%(name)s, %(address)s, 1, %(now)s)
    ON CONFLICT (name, address) DO UPDATE SET
        tries = CASE WHEN t.since <= %(ago)s THEN 1 ELSE t.tries + 1 END,
        since = CASE WHEN t.since <= %(ago)s THEN %(now)s ELSE t.since END
    RETURNING tries, since
"""


@dataclass(frozen=True, slots=True)
class Tries:
    """What is left before the next try must wait, and until when."""

    left: int
    until: datetime

    @property
    def is_over(self) -> bool:
        return self.left < 0


class Backend(ModelBackend):
    """Django's own, behind the count of tries."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **more: Any
    ) -> User | None:
        if request is None or username is None or password is None:
            return _known(super().authenticate(request, username, password, **more))
        tries = _count(username, _address(request))
        request.sign_in_tries = tries  # type: ignore[attr-defined]
        if tries.is_over:
            raise PermissionDenied
        user = _known(super().authenticate(request, username, password, **more))
        if user is None or OneTimePassword.objects.filter(user=user, ends_at__lte=timezone.now()).exists():
            return None
        SignInTries.objects.filter(name=_fingerprint(username), address=_address(request)).delete()
        return user


class ChangeFirst:
    """Who signed in with a one-time password chooses one of his own before anything else."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path.startswith("/healthz") or not request.user.is_authenticated:
            return self.get_response(request)
        place = reverse("password_change")
        if not request.session.get(MUST_CHANGE) or request.path in (place, reverse("logout"), reverse("theme")):
            return self.get_response(request)
        if request.headers.get("HX-Request"):
            response = HttpResponse(status=204)
            response["HX-Redirect"] = place
            return response
        return redirect(place)


def remember_one_time(sender: Any, request: HttpRequest, user: User, **more: Any) -> None:
    """When somebody has signed in, by whichever door."""
    if hasattr(request, "session") and OneTimePassword.objects.filter(user=user).exists():
        request.session[MUST_CHANGE] = True


def forget_one_time(request: HttpRequest) -> None:
    """After the change."""
    OneTimePassword.objects.filter(user__username=request.user.get_username()).delete()
    request.session.pop(MUST_CHANGE, None)


def forgive(username: str) -> None:
    """An admin gave a new password: whoever it is begins anew."""
    SignInTries.objects.filter(name=_fingerprint(username)).delete()


def _count(username: str, address: str) -> Tries:
    now = timezone.now()
    values: dict[str, str | datetime] = {
        "name": _fingerprint(username),
        "address": address,
        "now": now,
        "ago": now - WINDOW,
    }
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, values)
        tries, since = cursor.fetchone()
    return Tries(left=MOST_TRIES - tries, until=since + WINDOW)


def _fingerprint(username: str) -> str:
    return sha256(username.strip().casefold().encode()).hexdigest()


def _address(request: HttpRequest) -> str:
    """Behind a proxy this is the proxy's: then the tries of a name are counted over everybody."""
    return str(request.META.get("REMOTE_ADDR", ""))[:64]


def _known(user: Any) -> User | None:
    return user if isinstance(user, User) else None
