"""What a night brought instead of labels, in words: what goes again by itself, and what a person must look at."""

from collections import Counter
from dataclasses import dataclass

from labeling.states import FailureReason, Outcome

from .advice import ADVICE


@dataclass(frozen=True, slots=True)
class Brought:
    """`needs_a_person` is how it stood when the results were stored; by now it may have been decided."""

    reason: str
    glyph: str
    words: str
    requests: int
    needs_a_person: bool


_BY_ITSELF = {
    Outcome.EXPIRED: ("exp", "Ran out of time after 24 hours, not charged"),
    Outcome.ERRORED: ("wait", "Trouble at the API, not charged"),
    Outcome.CANCELED: ("can", "Canceled before it was processed, not charged"),
}


def brought(not_labeled: Counter[str]) -> list[Brought]:
    """The most first."""
    return [_line(reason, requests) for reason, requests in not_labeled.most_common() if requests]


def _line(reason: str, requests: int) -> Brought:
    if reason in _BY_ITSELF:
        glyph, words = _BY_ITSELF[Outcome(reason)]
        return Brought(reason, glyph, words, requests, needs_a_person=False)
    words = ADVICE[FailureReason(reason)].title if reason in set(FailureReason) else reason
    return Brought(reason, "err", words, requests, needs_a_person=True)
