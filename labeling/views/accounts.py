"""Accounts and roles, for admins; a password that is shown once and never again."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from labeling import activity
from labeling.forms.accounts import AccountForm
from labeling.models import OneTimePassword
from labeling.signing_in import forgive
from labeling.transitions import accounts as moves

from .door import ADMINISTER, WebRequest, command, page

MAY = {
    "viewer": "sees everything, changes nothing",
    "operator": "runs the work: uploads, tasks, decisions, pause",
    "admin": "also settings, accounts and prices",
}


@dataclass(frozen=True, slots=True)
class Line:
    user: User
    role: str
    is_you: bool
    one_time_ends: datetime | None


@page(ADMINISTER)
def accounts(request: WebRequest) -> HttpResponseBase:
    return _page(request)


@command(ADMINISTER)
def account_add(request: WebRequest) -> HttpResponseBase:
    form = AccountForm(request.POST)
    if not form.is_valid():
        return _page(request, form=form, status=422)
    name, role = form.cleaned_data["name"], form.cleaned_data["role"]
    try:
        with transaction.atomic():
            user, password = moves.add(name, role, by=request.user.get_username())
            activity.record(request.user, f"Added the account {name} as {role}", f"user:{name}", role=["", role])
    except IntegrityError:
        form.add_error("name", "There is an account of that name already.")
        return _page(request, form=form, status=422)
    return _page(request, given=(user, password))


@command(ADMINISTER)
def account_role(request: WebRequest, pk: int) -> HttpResponseBase:
    user, role = get_object_or_404(User, pk=pk), request.POST.get("role", "")
    if role not in moves.ROLES:
        messages.error(request, "Nothing changed: choose a role.")
        return redirect("accounts")
    before = moves.role_of(user)
    sentence = f"Changed the role of {user} from {before or 'none'} to {role}"
    return _moved(request, user, lambda: moves.set_role(user, role), sentence, role=[before, role])


@command(ADMINISTER)
def account_active(request: WebRequest, pk: int) -> HttpResponseBase:
    """Out of use, or in use again."""
    user, active = get_object_or_404(User, pk=pk), request.POST.get("active") == "yes"
    sentence = f"Put the account {user} {'in use again' if active else 'out of use'}"
    return _moved(request, user, lambda: moves.set_active(user, active), sentence, active=[not active, active])


@command(ADMINISTER)
def account_password(request: WebRequest, pk: int) -> HttpResponseBase:
    user = get_object_or_404(User, pk=pk, is_active=True)
    if user.pk == request.user.pk:
        messages.error(request, "Nothing changed: change your own password on its page.")
        return redirect("accounts")
    with transaction.atomic():
        password = moves.renew_password(user, by=request.user.get_username())
        activity.record(request.user, f"Gave {user} a new one-time password", f"user:{user}")
    forgive(user.get_username())
    return _page(request, given=(user, password))


def _moved(
    request: WebRequest, user: User, move: Callable[[], bool], sentence: str, **detail: list[object]
) -> HttpResponseBase:
    try:
        with transaction.atomic():
            if changed := move():
                activity.record(request.user, sentence, f"user:{user}", **detail)
    except moves.LastAdmin:
        messages.error(request, f"Not done: {user} is the last admin in use. Make somebody else an admin first.")
    else:
        messages.success(request, f"{sentence}." if changed else "Nothing changed: it was so already.")
    return redirect("accounts")


def _page(
    request: WebRequest, *, form: AccountForm | None = None, given: tuple[User, str] | None = None, status: int = 200
) -> HttpResponseBase:
    """A password is in this one answer and in no message, session or log."""
    users = User.objects.order_by("-is_active", "username").prefetch_related("groups")
    ends = dict(OneTimePassword.objects.filter(user__in=users).values_list("user_id", "ends_at"))
    context = {
        "lines": [Line(user, moves.role_of(user), user.pk == request.user.pk, ends.get(user.pk)) for user in users],
        "now": timezone.now(),
        "roles": [(role, MAY[role]) for role in moves.ROLES],
        "form": form or AccountForm(),
        "given": given,
    }
    return render(request, "accounts.html", context, status=status)
