"""A restored backup -> settled: a person lets go what was found in no Message Batch, and everything may leave."""

from typing import Any

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from labeling import activity
from labeling.after_restore import hindrances, waiting
from labeling.configuration import Configuration
from labeling.models import Restoration
from labeling.transitions import restorations


class NotSettled(Exception):
    """It cannot be settled like this; the message is a sentence for a person."""


def settle(restoration: Restoration, settings: Configuration, *, documents: int, by: Any) -> int:
    """Open the gate of everything; `documents` is the number of waiting ones that the person was shown.

    Raises NotSettled with a sentence while batches are not read, when the number is another meanwhile, and for
    who comes second.
    """
    if restoration.settled_at is None and (sentences := hindrances(restoration, settings)):
        raise NotSettled(" ".join(sentences))
    now_waiting = waiting()
    if restoration.settled_at is None and now_waiting != documents:
        raise NotSettled(f"{now_waiting:,} documents wait by now, not {documents:,}: look again, then settle.")
    name = activity.name_of(by)
    with transaction.atomic():
        if not restorations.settle(restoration, by=name, released=documents, now=timezone.now()):
            restoration.refresh_from_db()
            raise NotSettled(f"{restoration.settled_by} settled it before.")
        sentence = f"Settled what was {restoration}: {documents:,} documents found in no batch leave again"
        activity.record(by, sentence + _unknown(restoration), "restored")
    return documents


def _unknown(restoration: Restoration) -> str:
    """What was paid for documents that the backup does not know: in no sum, so the act of settling names it."""
    sums = restoration.found.aggregate(answers=Sum("unknown"), paid=Sum("unknown_paid_usd"))
    if not sums["answers"]:
        return ""
    return f"; {sums['answers']:,} answers of documents that it does not know stay lines, {sums['paid']:f} USD paid"
