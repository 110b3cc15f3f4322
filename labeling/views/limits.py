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
        row = release(scope, standing.date, amount, by=request.user.get_username(), why=why)
        activity.record(request.user, f"Released {row}: {why}", f"limit:{scope}")
    wake()
    messages.success(request, f"Released: {row}.")
    return redirect("limits")
