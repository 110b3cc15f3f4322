"""What needs a person: only what a person can change, the gravest first, and who has it in hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from labeling.configuration import Configuration
from labeling.glance import TO_CONFIRM, UNREADABLE
from labeling.health.troubles import Facts, Trouble, look_around, troubles
from labeling.models import Taken, Upload

from .failures import Cause, open_causes

MOST_UPLOADS = 3
MOST_DECISIONS = 4


@dataclass(frozen=True, slots=True)
class Need:
    """One row of the list: exactly one of the matters it may be about is set."""

    key: str
    trouble: Trouble | None = None
    cause: Cause | None = None
    unreadable: Upload | None = None
    to_confirm: int = 0
    since: datetime | None = None
    taken: Taken | None = None

    @property
    def is_silence(self) -> bool:
        return self.trouble is not None and self.trouble.kind == "silent_workers"


@dataclass(frozen=True, slots=True)
class Needs:
    rows: Sequence[Need]

    @property
    def decisions(self) -> list[Cause]:
        return [need.cause for need in self.rows if need.cause]

    @property
    def others(self) -> int:
        """How many things need a person beside the decisions."""
        return len(self.rows) - len(self.decisions)

    @property
    def shown(self) -> list[Need]:
        """The largest decisions, and everything else but silent queues, which stand in the list of the queues."""
        rest = {id(need) for need in self._decisions[MOST_DECISIONS:]}
        return [need for need in self.rows if id(need) not in rest and not need.is_silence]

    @property
    def decisions_not_shown(self) -> int:
        return len(self._decisions[MOST_DECISIONS:])

    @property
    def undecided(self) -> int:
        """Documents that wait for a decision."""
        return sum(cause.documents for cause in self.decisions)

    @property
    def _decisions(self) -> list[Need]:
        return [need for need in self.rows if need.cause]

    def find(self, key: str) -> Need | None:
        return next((need for need in self.rows if need.key == key), None)


def needs(settings: Configuration, now: datetime, facts: Facts | None = None) -> Needs:
    """A fixed number of queries, none of which counts documents."""
    facts = facts or look_around(settings, now)
    unreadable = facts.seen.of(UNREADABLE)[:MOST_UPLOADS]
    to_confirm = facts.seen.of(TO_CONFIRM).count()
    found = [
        *(Need(trouble.key, trouble=trouble, since=trouble.since) for trouble in troubles(settings, now, facts)),
        *(Need(f"unreadable--U-{row.pk}", unreadable=row, since=row.created_at) for row in unreadable),
        *([Need("to_confirm--house", to_confirm=to_confirm)] if to_confirm else []),
        *(Need(cause.need, cause=cause) for cause in open_causes()),
    ]
    taken = {row.key: row for row in Taken.objects.all()} if found else {}
    return Needs([_with(need, taken.get(need.key)) for need in found])


def _with(need: Need, taken: Taken | None) -> Need:
    return Need(need.key, need.trouble, need.cause, need.unreadable, need.to_confirm, need.since, taken)
