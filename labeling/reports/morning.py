"""The morning report as plain text: what the night did, what failed in words, paid, saved, what needs a person."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Count, Max, Q, Sum

from labeling.configuration import Configuration
from labeling.health.troubles import Trouble, troubles
from labeling.models import Batch, Night, RequestTally, Upload
from labeling.states import BatchState, Outcome, UploadState
from labeling.templatetags.figures import noun, usd

from .failures import Cause, open_causes

MOST_LINES = 12

_ENDED_WITHOUT = {
    Outcome.ERRORED: "errored",
    Outcome.EXPIRED: "ran out of time",
    Outcome.CANCELED: "were canceled",
    Outcome.MISSING: "came back without a line",
}
"""A document whose request ended like this goes again by itself or became a decision; nobody lost it."""


@dataclass(frozen=True, slots=True)
class Morning:
    """What is known now of one night; money in USD, of stored results only."""

    night: Night
    sent: int
    batches: int
    open_batches: int
    answered: int
    ended_without: dict[Outcome, int]
    last_stored: datetime | None
    results_stored: bool
    list_usd: Decimal
    paid_usd: Decimal
    unpriced: int
    causes: list[Cause]
    troubles: list[Trouble]
    to_confirm: int

    @property
    def needs(self) -> int:
        return len(self.causes) + len(self.troubles) + bool(self.to_confirm)


def morning(night: Night, settings: Configuration, now: datetime) -> Morning:
    """A bounded number of queries, none of which counts documents."""
    batches = Batch.objects.filter(night=night, message_batch_id__isnull=False)
    sums = batches.aggregate(
        sent=Sum("request_total"),
        batches=Count("id"),
        last_stored=Max("ingested_at"),
        list_usd=Sum("list_usd"),
        paid_usd=Sum("paid_usd"),
        unpriced=Sum("unpriced_results"),
        stored=Count("id", filter=Q(state=BatchState.INGESTED)),
    )
    outcomes = dict(
        RequestTally.objects.filter(batch__in=batches).order_by().values_list("outcome").annotate(n=Sum("requests"))
    )
    return Morning(
        night=night,
        sent=sums["sent"] or 0,
        batches=sums["batches"],
        open_batches=Batch.objects.open().filter(night=night).count(),
        answered=int(outcomes.get(Outcome.SUCCEEDED, 0)),
        ended_without={outcome: int(outcomes.get(outcome, 0)) for outcome in _ENDED_WITHOUT},
        last_stored=sums["last_stored"],
        results_stored=bool(sums["stored"]),
        list_usd=sums["list_usd"] or Decimal(0),
        paid_usd=sums["paid_usd"] or Decimal(0),
        unpriced=sums["unpriced"] or 0,
        causes=open_causes(),
        troubles=troubles(settings, now),
        to_confirm=Upload.objects.filter(state=UploadState.CHECKED).count(),
    )


def title(found: Morning) -> str:
    did = f"{found.sent:,} sent, {found.answered:,} answered" if found.sent else "nothing was sent"
    return f"night of {found.night.date:%d %b}: {did}, {_needs(found)}"


def text(found: Morning, settings: Configuration, link: str) -> str:
    """No text of a document and no reason that somebody typed: only our own words, figures, and names of tasks."""
    paragraphs = (
        [f"The night of {found.night.date:%d %b %Y}, due at {_clock(found.night.due_at, settings)}"],
        _what_it_did(found, settings),
        _money(found),
        _what_needs(found),
        [link],
    )
    return "\n\n".join("\n".join(lines) for lines in map(list, paragraphs)) + "\n"


def _what_it_did(found: Morning, settings: Configuration) -> Iterator[str]:
    if not found.sent:
        yield "Nothing was sent."
    else:
        yield f"{noun(found.sent, 'document')} {_were(found.sent)} sent in {noun(found.batches, 'batch')}."
        stored = f"; the last results were stored at {_clock(found.last_stored, settings)}" if found.last_stored else ""
        yield f"{found.answered:,} {_were(found.answered)} answered{stored}."
        ended = [f"{n:,} {_ENDED_WITHOUT[outcome]}" for outcome, n in found.ended_without.items() if n]
        if ended:
            yield f"Without an answer: {', '.join(ended)}."
    if found.open_batches:
        yield f"Not complete: {noun(found.open_batches, 'batch')} {_are(found.open_batches)} still open."
    elif not found.night.completed_at:
        yield "Not complete: documents that were due still wait."
    else:
        yield "It is complete."


def _money(found: Morning) -> Iterator[str]:
    if not found.sent:
        yield "Nothing was paid for it."
        return
    if not found.results_stored:
        yield "What it cost is not known yet: no results are stored."
        return
    yield (
        f"Paid {usd(found.paid_usd)}. In real time it would have been {usd(found.list_usd)}: "
        f"{usd(found.list_usd - found.paid_usd)} saved."
    )
    if found.unpriced:
        yield f"The price of {noun(found.unpriced, 'result')} is not known; not in these sums."
    if found.open_batches:
        yield "What is still open is not in these sums."


def _what_needs(found: Morning) -> Iterator[str]:
    lines = [
        *(f"- {trouble.words}" for trouble in found.troubles),
        *(f"- {noun(cause.documents, 'document')} of {cause.task.name}: {cause.title}" for cause in found.causes),
    ]
    if found.to_confirm:
        lines.append(f"- {noun(found.to_confirm, 'upload')} to be confirmed")
    if not lines:
        yield "Nothing needs you."
        return
    yield "Needs you:"
    yield from lines[:MOST_LINES]
    if len(lines) > MOST_LINES:
        yield f"- and {len(lines) - MOST_LINES:,} more"


def _needs(found: Morning) -> str:
    if not found.needs:
        return "nothing needs you"
    return f"{noun(found.needs, 'thing')} {'needs' if found.needs == 1 else 'need'} you"


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _clock(at: datetime, settings: Configuration) -> str:
    return f"{at.astimezone(settings.zone):%H:%M} ({settings.time_zone})"
