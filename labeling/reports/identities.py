"""What must sum for one upload, one batch, and one night, from the counters, and when the book last agreed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max, Sum

from labeling.models import Batch, LedgerCheck, Night, RequestTally, Upload
from labeling.states import DocumentState, Outcome, UploadState

_COUNTING = (UploadState.RECEIVED, UploadState.CHECKED, UploadState.IMPORTING)


@dataclass(frozen=True, slots=True)
class Identity:
    """A whole that is the sum of its parts, or is not; each part with its word, parts of nothing left out."""

    whole: int
    word: str
    parts: Sequence[tuple[int, str]]

    @property
    def found(self) -> int:
        return sum(n for n, _ in self.parts)

    @property
    def holds(self) -> bool:
        return self.whole == self.found

    @property
    def shown(self) -> list[tuple[int, str]]:
        return [(n, word) for n, word in self.parts if n]


@dataclass(frozen=True, slots=True)
class Identities:
    sums: Sequence[Identity]
    agreed_at: datetime | None
    """When every identity of the book held last, recomputed from the rows."""

    @property
    def holds(self) -> bool:
        return all(each.holds for each in self.sums)


def of_upload(upload: Upload, states: Mapping[DocumentState, int]) -> Identities:
    """accepted = the states, once the import is over; rows = accepted + refused stands in the receipt's head."""
    rows = Identity(upload.rows, "row", [(upload.accepted, "accepted"), (upload.refused, "refused")])
    sums = [] if rows.holds else [rows]
    if upload.state not in _COUNTING:
        parts = [(states[state], word) for state, word in _WORDS.items()]
        sums.append(Identity(upload.accepted, "accepted document", parts))
    return Identities(sums, _agreed_at())


def of_batch(batch: Batch) -> Identities:
    """requests = the outcomes; both sides in one statement, because a batch may be halved meanwhile."""
    rows = (
        RequestTally.objects.filter(batch=batch)
        .order_by()
        .values("outcome")
        .annotate(n=Sum("requests"), total=Max("batch__request_total"))
    )
    found = {row["outcome"]: (int(row["n"]), int(row["total"])) for row in rows}
    total = max((total for _, total in found.values()), default=batch.request_total)
    parts = [(found.get(outcome, (0, 0))[0], outcome.replace("_", " ")) for outcome in Outcome]
    return Identities([Identity(total, "request", parts)], _agreed_at())


def of_night(night: Night) -> Identities:
    """The requests that left with it = their outcomes; both sides in one statement."""
    rows = list(
        Batch.objects.filter(night=night)
        .order_by()
        .values_list("pk", "request_total", "requesttally__outcome")
        .annotate(n=Sum("requesttally__requests"))
    )
    totals = {pk: total for pk, total, *_ in rows}
    parts = [(sum(n or 0 for *_, of, n in rows if of == outcome), outcome.replace("_", " ")) for outcome in Outcome]
    return Identities([Identity(sum(totals.values()), "request", parts)], _agreed_at())


def _agreed_at() -> datetime | None:
    newest = LedgerCheck.objects.filter(holds=True).order_by("-id").values_list("checked_at", flat=True)
    return newest.first()


_WORDS = {
    DocumentState.LABELED: "labeled",
    DocumentState.QUEUED: "waiting",
    DocumentState.BATCHED: "in flight",
    DocumentState.FAILED: "failed",
    DocumentState.WITHDRAWN: "withdrawn",
}
