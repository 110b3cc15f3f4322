"""Doubtful submissions: what is known of each, what was decided, and by whom."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from labeling.configuration import Configuration
from labeling.models import Batch, BatchEvent, Candidate
from labeling.states import BatchState, Verdict

from .paging import page_of

MOST_CANDIDATES = 100


@dataclass(frozen=True, slots=True)
class Doubt:
    """A batch whose create call had no clear outcome once."""

    batch: Batch
    candidates: Sequence[Candidate]
    decision: BatchEvent | None
    grace: timedelta

    @property
    def is_open(self) -> bool:
        return self.batch.state == BatchState.UNKNOWN

    @property
    def grace_until(self) -> datetime | None:
        """From then on its absence counts as proved, if nothing is left to watch."""
        return self.batch.doubt_since + self.grace if self.batch.doubt_since else None

    @property
    def watched(self) -> list[Candidate]:
        return [candidate for candidate in self.candidates if candidate.verdict == Verdict.WATCHED]

    @property
    def twins(self) -> list[Candidate]:
        """What came to light after its absence had counted as proved: paid a second time."""
        return [candidate for candidate in self.candidates if candidate.verdict == Verdict.LATE_TWIN]

    @property
    def outcome(self) -> str:
        """What became of it, in few words."""
        if self.is_open:
            return "Open"
        if self.batch.message_batch_id:
            return f"It was accepted as {self.batch.message_batch_id}"
        return "It was never accepted" if not self.twins else "Taken for never accepted, and accepted after all"


@dataclass(frozen=True, slots=True)
class DoubtPage:
    """`older` and `newer` are ids for the pager, where there is something."""

    rows: Sequence[Doubt]
    older: int | None
    newer: int | None


def open_doubts() -> int:
    return Batch.objects.doubtful().count()


def last_settled_at() -> datetime | None:
    """When the last batch left its doubt; None where none ever did."""
    return BatchEvent.objects.filter(old=BatchState.UNKNOWN).order_by("-pk").values_list("at", flat=True).first()


def doubt_page(
    settings: Configuration, *, only_open: bool = False, before: int | None = None, after: int | None = None
) -> DoubtPage:
    """Open and settled ones, the newest first; three queries."""
    rows = Batch.objects.doubtful() if only_open else Batch.objects.filter(doubt_since__isnull=False)
    found = page_of(rows.select_related("version__task", "account"), before=before, after=after, size=40)
    return DoubtPage(_doubts(found.rows, settings), found.older, found.newer)


def doubt_of(batch: Batch, settings: Configuration) -> Doubt:
    return _doubts([batch], settings)[0]


def _doubts(batches: Sequence[Batch], settings: Configuration) -> list[Doubt]:
    ids = [batch.pk for batch in batches]
    candidates: dict[int, list[Candidate]] = defaultdict(list)
    for candidate in Candidate.objects.filter(batch__in=ids).order_by("created_at", "pk"):
        candidates[candidate.batch_id].append(candidate)
    left = BatchEvent.objects.filter(batch__in=ids, old=BatchState.UNKNOWN).order_by("pk")
    decisions = {event.batch_id: event for event in left}
    grace = timedelta(seconds=settings.doubt_grace_seconds)
    return [Doubt(batch, candidates[batch.pk][:MOST_CANDIDATES], decisions.get(batch.pk), grace) for batch in batches]
