"""What stood still -> back into the story, never by sending again blindly.

Every function finds its rows by query and is harmless to repeat.
"""

from datetime import datetime, timedelta

from django.utils import timezone

from labeling import clock, faults
from labeling.models import Batch, Request
from labeling.states import BatchState, FailureReason, Lane, Outcome
from labeling.transitions import batches, imports, requests, uploads

SENDER_STOPS_WITHIN = timedelta(seconds=30)
"""A sender stops itself at its deadline; this much later it is surely done."""


def recover(now: datetime) -> None:
    if not clock.is_off():
        freeze_abandoned_submissions(now)
        end_abandoned_urgent_calls(now)
    faults.reach("recover: calls ended")
    imports.follow_settled_leaders()
    uploads.finish()


def freeze_abandoned_submissions(now: datetime) -> int:
    """A batch whose sender died after the claim may have been accepted: unknown, never sent again from here."""
    frozen = 0
    for batch in Batch.objects.filter(state=BatchState.SUBMITTING, deadline__lt=now - SENDER_STOPS_WITHIN):
        why = "The sender ended without an answer."
        frozen += batches.move(
            batch,
            BatchState.SUBMITTING,
            BatchState.UNKNOWN,
            by="recover",
            why=why,
            note=why,
            doubt_since=batch.deadline or timezone.now(),
        )
    return frozen


def end_abandoned_urgent_calls(now: datetime) -> int:
    """A real-time call whose process died may have been paid: unclear, for a person."""
    abandoned = Request.objects.filter(lane=Lane.URGENT, outcome=Outcome.OPEN, deadline__lt=now)
    return requests.end_without_answer(
        list(abandoned.values_list("pk", flat=True)), Outcome.UNCLEAR, FailureReason.UNCLEAR
    )
