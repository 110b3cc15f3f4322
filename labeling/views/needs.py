"""Taking a need in hand, with a note, and giving it back."""

from django.db import transaction
from django.http import Http404, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone

from labeling import activity
from labeling.forms.decisions import NoteForm
from labeling.reports import needs as report
from labeling.templatetags.figures import clock_text
from labeling.transitions import needs as transitions

from .door import OPERATE, WebRequest, command, page
from .live import leave
from .reader import settings_of


@page(OPERATE)
def need(request: WebRequest, key: str) -> HttpResponseBase:
    found = report.needs(settings_of(request), timezone.now()).find(key)
    if found is None:
        raise Http404("This is settled already.")
    return render(request, "needs/take.html", {"need": found, "form": NoteForm()})


@command()
def take(request: WebRequest, key: str) -> HttpResponseBase:
    """The first one has it; who comes second reads who that is."""
    form = NoteForm(request.POST)
    if not form.is_valid():
        return leave(request, "Not taken: the note is too long.", to="/", failed=True)
    if report.needs(settings_of(request), timezone.now()).find(key) is None:
        return leave(request, "Nothing to take: it is settled already.", to="/")
    note = form.cleaned_data["note"]
    with transaction.atomic():
        taken, is_mine = transitions.take(key, by=request.user, note=note)
        if is_mine:
            activity.record(request.user, f"Takes {key}{f': {note}' if note else ''}", f"need:{key}")
    if is_mine:
        return leave(request, "It is yours: everybody sees that you have it in hand.", to="/")
    said = f": {taken.note}" if taken.note else ""
    return leave(request, f"{taken.by} has had it since {clock_text(taken.at)}{said}", to="/", failed=True)


@command()
def give_back(request: WebRequest, key: str) -> HttpResponseBase:
    with transaction.atomic():
        taken = transitions.give_back(key)
        if taken:
            whose = "" if taken.by == request.user.get_username() else f", which {taken.by} had"
            activity.record(request.user, f"Gives {key} back{whose}", f"need:{key}")
    return leave(request, "Given back: anybody may take it." if taken else "Nobody had it any more.", to="/")
