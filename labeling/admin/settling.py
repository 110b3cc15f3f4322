"""What a person decides about a create call without a clear outcome, and about what was set aside."""

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from labeling.models import Batch, BatchEvent, UnfinishedWork, Upload
from labeling.pipeline import settle
from labeling.states import BatchState

from .base import LookAdmin, confirmed


class AdoptForm(forms.Form):
    message_batch_id = forms.CharField(
        max_length=80, label="Message Batch id", help_text="msgbatch_…, as the API lists it"
    )
    why = forms.CharField(max_length=300, label="Why", help_text="How you know that it is this batch")


class AbsentForm(forms.Form):
    why = forms.CharField(max_length=300, label="Why", help_text="How you know that the API never accepted it")


def adopt(page: LookAdmin, request: HttpRequest, chosen: QuerySet[Batch]) -> HttpResponse | None:
    batch = _the_unknown_one(page, request, chosen)
    if batch is None:
        return None
    form = AdoptForm(confirmed(request))
    if form.is_valid():
        try:
            if settle.adopt(batch, **form.cleaned_data, by=request.user):
                page.message_user(request, f"{batch} is {batch.message_batch_id} now; it is polled at once.")
            else:
                _tell_who_won(page, request, batch)
            return None
        except settle.IdRefused as refusal:
            form.add_error("message_batch_id", str(refusal))
    return page.ask(
        request,
        [batch],
        action="adopt",
        title=f"Adopt a Message Batch as {batch}",
        form=form,
        button="Adopt it",
        sentences=_what_is_known(batch),
        warning=(
            f"If this is the id of something else, {batch.request_total} documents wait until its lines show that, and "
            f"are in doubt again then. At stake is what they cost{_at_risk(batch)}."
        ),
    )


def declare_absent(page: LookAdmin, request: HttpRequest, chosen: QuerySet[Batch]) -> HttpResponse | None:
    batch = _the_unknown_one(page, request, chosen)
    if batch is None:
        return None
    form = AbsentForm(confirmed(request))
    if form.is_valid():
        released = settle.declare_absent(batch, **form.cleaned_data, by=request.user)
        if released:
            page.message_user(request, f"{batch} is absent now; {released} documents wait to be sent again.")
        else:
            _tell_who_won(page, request, batch)
        return None
    return page.ask(
        request,
        [batch],
        action="declare_absent",
        title=f"Declare {batch} absent",
        form=form,
        button="Declare it absent",
        sentences=_what_is_known(batch),
        warning=(
            f"If the API did accept it after all, {batch.request_total} documents are paid for twice{_at_risk(batch)}: "
            "they wait again at once and leave in a new batch."
        ),
    )


def try_again(
    page: LookAdmin, request: HttpRequest, chosen: QuerySet[Batch] | QuerySet[Upload] | QuerySet[UnfinishedWork]
) -> None:
    """What was set aside gets its tries back; rows that were not are named."""
    for row in chosen:
        if settle.try_again(row, by=request.user):
            page.message_user(request, f"{row} is tried again.")
        else:
            page.message_user(request, f"{row} was not set aside; nothing was changed.", messages.WARNING)


def _the_unknown_one(page: LookAdmin, request: HttpRequest, chosen: QuerySet[Batch]) -> Batch | None:
    """The one batch that was checked, if it is unknown; else a sentence says why nothing happens."""
    rows = list(chosen.select_related("version__task", "account")[:2])
    if len(rows) != 1:
        page.message_user(request, "Check exactly one batch: each is a decision of its own.", messages.WARNING)
        return None
    batch: Batch = rows[0]
    if batch.state != BatchState.UNKNOWN:
        _tell_who_won(page, request, batch)
        return None
    return batch


def _what_is_known(batch: Batch) -> list[str]:
    newest = batch.newest_known_id or "none"
    return [
        f"{batch}: {batch.request_total} requests, {batch.body_bytes:,} bytes, token {batch.token} in every custom_id.",
        f"Account {batch.account}; newest Message Batch before the call: {newest}.",
        f"Claimed at {batch.claimed_at:%Y-%m-%d %H:%M:%S} UTC, in doubt since {batch.doubt_since:%H:%M:%S} UTC."
        if batch.claimed_at and batch.doubt_since
        else "When it was claimed is not known.",
        f"What the sender said: {batch.note or 'nothing'}",
        *(f"Candidate {candidate.message_batch_id}: {candidate.verdict}" for candidate in batch.candidates.all()),
    ]


def _at_risk(batch: Batch) -> str:
    usd = settle.money_at_risk(batch)
    return f", at most about ${usd:,.2f}" if usd is not None else ", at a price that is not known"


def _tell_who_won(page: LookAdmin, request: HttpRequest, batch: Batch) -> None:
    last = _last_move(batch)
    moved = f" {last.by} moved it at {last.at:%Y-%m-%d %H:%M} UTC: {last.why or 'no reason given'}" if last else ""
    page.message_user(request, f"{batch} is {batch.state}, not unknown; nothing was changed.{moved}", messages.WARNING)


def _last_move(batch: Batch) -> BatchEvent | None:
    return BatchEvent.objects.filter(batch=batch).order_by("-id").first()
