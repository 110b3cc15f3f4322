"""Settings: everybody sees them, admins change them; the first choice of a zone; a test of the addresses."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpResponseBase
from django.shortcuts import redirect, render

from labeling import activity
from labeling.configuration import Configuration, fixed_by_environment
from labeling.forms.settings import SettingsForm
from labeling.models import Activity, Gate
from labeling.outgoing import trying
from labeling.outgoing.receivers import addresses, shown
from labeling.reports import alarms as report
from labeling.transitions import settings as moves
from labeling.waking import wake_outgoing

from .door import ADMINISTER, NEEDED, VIEW, WebRequest, command, form_page
from .reader import settings_of, zone_names

SUBJECT = "settings"


@form_page(VIEW)
def settings(request: WebRequest) -> HttpResponseBase:
    if request.method != "POST":
        return _page(request, SettingsForm(None, settings_of(request)))
    if not request.user.has_perm(ADMINISTER):
        raise PermissionDenied(NEEDED[ADMINISTER])
    form = SettingsForm(request.POST, settings_of(request))
    if not form.is_valid():
        return _page(request, form, status=422)
    changes = form.changes()
    try:
        _save(request, changes, form.cleaned_data["seen"])
    except moves.SeenIsOld:
        return _page(request, form, status=409, first=Activity.objects.filter(subject=SUBJECT).first())
    messages.success(request, f"Saved: {', '.join(changes)}." if changes else "Nothing was changed.")
    return redirect("settings")


@command(ADMINISTER)
def choose_zone(request: WebRequest) -> HttpResponseBase:
    """The first choice of the site's zone, from a banner or a list; later it is a setting like others."""
    zone = request.POST.get("zone", "")
    if zone not in zone_names():
        messages.error(request, "Choose a time zone from the list.")
    elif "time_zone" in fixed_by_environment():
        messages.error(request, "The environment fixes the time zone.")
    else:
        with transaction.atomic():
            chosen = moves.choose_first("time_zone", zone, by=request.user.get_username())
            if chosen:
                sentence = f"Chose the time zone {zone}; it was UTC because nobody had chosen"
                activity.record(request.user, sentence, SUBJECT, time_zone=["UTC", zone])
        if chosen:
            messages.success(request, f"Nights and days are in {zone} from now on.")
        else:
            messages.error(request, "Somebody chose a time zone already: change it below.")
    return redirect("settings")


@command(ADMINISTER)
def send_test(request: WebRequest) -> HttpResponseBase:
    """Workers deliver it; the page says of each address what became of it."""
    if not (addresses().alarms or addresses().reports or addresses().webhook_url):
        messages.error(request, "No address is set, so there is nobody to send a test to.")
        return redirect("settings")
    trying.make_test(request.user)
    wake_outgoing()
    messages.success(request, "The test is on its way. What became of it stands under Who is told.")
    return redirect("/settings/#told")


def _save(request: WebRequest, changes: dict[str, tuple[str | None, str | None]], seen: str) -> None:
    with transaction.atomic():
        values = {name: after for name, (_, after) in changes.items()}
        moves.change(values, keys=Configuration.model_fields, seen=seen, by=request.user.get_username())
        if changes:
            words = ", ".join(
                f"{name} from {_said(before)} to {_said(after)}" for name, (before, after) in changes.items()
            )
            detail = {name: list(change) for name, change in changes.items()}
            activity.record(request.user, f"Changed {words}", SUBJECT, **detail)


def _said(value: str | None) -> str:
    return "none" if value is None else value


def _page(
    request: WebRequest, form: SettingsForm, *, status: int = 200, first: Activity | None = None
) -> HttpResponseBase:
    context = {
        "form": form,
        "seen": moves.stand(Configuration.model_fields),
        "is_stale": status == 409,
        "first": first,
        "may": request.user.has_perm(ADMINISTER),
        "zones": zone_names(),
        "in_force": settings_of(request),
        "told": shown(),
        "has_receivers": bool(addresses().alarms or addresses().reports or addresses().webhook_url),
        "tests": report.last_test(),
        "alarms": report.recent(),
        "paused": Gate.objects.filter(task=None, closed_at__isnull=False).first(),
    }
    return render(request, "settings.html", context, status=status)
