"""Money limits: how they stand, who released what, and an admin's release."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone

from labeling import activity
from labeling.forms.limits import LimitReleaseForm
from labeling.models import LimitRelease
from labeling.money import limits
from labeling.transitions.limits import release
from labeling.waking import wake

from .door import ADMINISTER, WebRequest, command, page
from .reader import settings_of

MOST_RELEASES = 50


@page()
def money_limits(request: WebRequest) -> HttpResponseBase:
    settings = settings_of(request)
    over = limits.over(settings, timezone.now())
    context = {
        "standings": [
            {"standing": over.night, "waits": bool(over.batch_versions)},
            {"standing": over.urgent, "waits": bool(over.urgent_versions)},
        ],
        "releases": LimitRelease.objects.all()[:MOST_RELEASES],
        "site_zone": settings.time_zone,
    }
    return render(request, "limits.html", context)


@command(ADMINISTER)
def limit_release(request: WebRequest) -> HttpResponseBase:
    """More for the night or the day in force; it leaves with the next tick."""
    form = LimitReleaseForm(request.POST)
    if not form.is_valid():
        sentences = " ".join(str(sentence) for errors in form.errors.values() for sentence in errors)
        messages.error(request, f"Nothing was released. {sentences}")
        return redirect("limits")
    scope, amount, why = form.cleaned_data["scope"], form.cleaned_data["amount"], form.cleaned_data["why"]
    standing = limits.standing_of(scope, settings_of(request), timezone.now())
    with transaction.atomic():
        seen, by = form.cleaned_data["seen"], request.user.get_username()
        row = release(scope, standing.date, amount, seen=seen, by=by, why=why)
        if row:
            activity.record(request.user, f"Released {row}: {why}", f"limit:{scope}")
    if row is None:
        messages.error(request, _who_was_first())
        return redirect("limits")
    wake()
    messages.success(request, f"Released: {row}.")
    return redirect("limits")


def _who_was_first() -> str:
    newest = LimitRelease.objects.first()
    who = f"{newest.by} was first: released {newest}. " if newest else ""
    return f"Nothing was released. {who}Look again, and release more if it is still wanted."
