"""What needs a person now: one closed list for the dashboard, `status`, `doctor` and alarms.

Only what a person can change is here; what time or a retry settles is not.
"""

import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django_q.models import Schedule

from labeling import clock, glance, nights, store
from labeling.configuration import Configuration
from labeling.foundations import SCHEDULES
from labeling.glance import Glance
from labeling.health.failing import failing
from labeling.health.heartbeat import QUEUES, cluster
from labeling.models import (
    Batch,
    Document,
    Gate,
    LedgerCheck,
    Night,
)
from labeling.money import limits
from labeling.money.limits import Standing
from labeling.states import BatchState

EXPIRY_NEAR = timedelta(hours=3)
"""A batch ends at the latest 24 hours after its creation; what it has not processed by then goes again."""

SCHEDULE_LATE = timedelta(minutes=2)
"""Each cluster looks at its schedules twice a minute, and each queue has one that is due every minute."""

UNASKED_AFTER = timedelta(minutes=30)
"""No poll of a batch at the API for so long: no worker, or a key that cannot see it."""

UNFETCHED_AFTER = timedelta(hours=1)
RESULTS_KEPT = timedelta(days=29)
"""From the creation of the batch, by the API's documentation."""

RESULTS_END_NEAR = timedelta(days=4)
FOREIGN_SHOWN_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Trouble:
    """`kind` is stable for machines; `subject` is like B-12 or U-3, empty for the whole house.

    `words` are our own and may go out as an alarm; what others wrote (a reason, an error of the API, the name of a
    file) is in `quoted`, which only pages behind a sign-in and commands show.
    """

    kind: str
    words: str
    subject: str = ""
    since: datetime | None = None
    quoted: str = ""

    @property
    def sentence(self) -> str:
        return f"{self.words.removesuffix('.')}: {self.quoted}" if self.quoted else self.words

    @property
    def key(self) -> str:
        """Names the same trouble each time it is looked for."""
        return f"{self.kind}--{self.subject or 'house'}"


@dataclass(frozen=True, slots=True)
class Facts:
    """What several looks ask for, read once."""

    settings: Configuration
    now: datetime
    workers: dict[str, Any]
    seen: Glance
    gates: Sequence[Gate]
    """The closed ones."""

    check: LedgerCheck | None
    open_batches: Sequence[Batch]

    def in_state(self, *states: BatchState) -> list[Batch]:
        return [batch for batch in self.open_batches if batch.state in states]


def look_around(settings: Configuration, now: datetime) -> Facts:
    """For `troubles`, and for a page that shows the same."""
    seen = glance.glance()
    return Facts(
        settings,
        now,
        workers=cluster(now),
        seen=seen,
        gates=list(seen.of(glance.CLOSED_GATES)),
        check=LedgerCheck.objects.order_by("-id").first(),
        open_batches=list(Batch.objects.open().only(*_OF_BATCHES)),
    )


def troubles(settings: Configuration, now: datetime, facts: Facts | None = None) -> list[Trouble]:
    """Every trouble, the gravest kind first; a fixed number of queries."""
    house = facts or look_around(settings, now)
    return [trouble for look in _LOOKS for trouble in look(house)]


_OF_BATCHES = (
    *("state", "request_total", "note", "doubt_since"),
    *("claimed_at", "created_at", "polled_at", "expires_at", "ended_at"),
)


def _silent_workers(house: Facts) -> Iterator[Trouble]:
    """One for each queue: a second one that falls silent is news."""
    for queue in QUEUES:
        if not house.workers["queues"][queue]:
            at = house.workers["last_beats"][queue]
            when = f"{datetime.fromisoformat(at):%d %b %H:%M} UTC" if at else "never"
            words = f"No worker of the queue {queue} has beaten for three minutes; last beat: {when}."
            yield Trouble("silent_workers", words, f"queue:{queue}")


def _failing_schedules(house: Facts) -> Iterator[Trouble]:
    for found in failing(house.now, house.seen.of(glance.FAILING_SCHEDULES)):
        words = f"The schedule {found.schedule!r} fails each time it runs ({found.error}): its work stands still."
        yield Trouble("failing_schedules", words, found.subject, found.since)


def _wrong_clock(house: Facts) -> Iterator[Trouble]:
    ahead = clock.is_off()
    if ahead:
        seconds = round(abs(ahead.total_seconds()))
        words = f"{seconds:,} s {'ahead of' if ahead > timedelta(0) else 'behind'}"
        yield Trouble(
            "clock",
            f"The clock of {socket.gethostname()} is {words} that of the database: this machine sends nothing and "
            "settles nothing until they agree.",
        )


def _stopped_schedules(house: Facts) -> Iterator[Trouble]:
    """Only while workers beat: where nobody runs, schedules are not what is wrong."""
    ours = [spec["name"] for spec in SCHEDULES]
    late = Schedule.objects.filter(name__in=ours, next_run__lt=house.now - SCHEDULE_LATE).order_by("next_run").first()
    if late and any(house.workers["queues"].values()):
        yield Trouble(
            "stopped_schedules",
            f"The schedule {late.name!r} has not run since {late.next_run:%H:%M} UTC: a broken schedule stops all "
            "others of its queue. `python manage.py doctor` names those that are not ours.",
            since=late.next_run,
        )


def _unbalanced_book(house: Facts) -> Iterator[Trouble]:
    check = house.check
    if check and not check.holds:
        wrong = "; ".join(identity["name"] for identity in check.identities if not identity["holds"])
        yield Trouble("ledger", f"The book does not balance: {wrong}.", since=check.checked_at)


def _low_disk(house: Facts) -> Iterator[Trouble]:
    free = store.free_bytes()
    if free < house.settings.min_free_bytes:
        yield Trouble("disk", f"Only {free:,} bytes of disk are free: imports and results wait.")


def _closed_gates(house: Facts) -> Iterator[Trouble]:
    for gate in house.gates:
        yield Trouble(
            f"paused_by_{gate.kind}",
            f"{gate.task or 'Everything'} is paused by {gate.closed_by}.",
            f"task:{gate.task.slug}" if gate.task else "",
            gate.closed_at,
            gate.reason,
        )


def _money(house: Facts) -> Iterator[Trouble]:
    """Only where something waits because of it: a limit that is not reached is no trouble."""
    found = limits.over(house.settings, house.now) if limits.are_set(house.settings) else None
    if found and found.batch_versions:
        yield Trouble("limit", _over(found.batch_versions <= found.unpriced, found.night), "limit:night")
    if found and found.urgent_versions:
        yield Trouble("limit", _over(found.urgent_versions <= found.unpriced, found.urgent), "limit:urgent")


def _over(only_unpriced: bool, standing: Standing) -> str:
    if only_unpriced:
        return (
            "Documents wait because nobody knows the price of their model, and an unknown price does not fit under "
            f"the limit for {standing.words}. Add the price, or release the limit."
        )
    return f"Documents wait for a money limit. {standing.sentence} An admin can release more."


def _doubt(house: Facts) -> Iterator[Trouble]:
    for batch in house.in_state(BatchState.UNKNOWN):
        yield Trouble(
            "doubt",
            f"{batch} had no clear outcome and is frozen, and its {batch.request_total:,} documents wait.",
            str(batch),
            batch.doubt_since,
            batch.note,
        )
    for twin in house.seen.of(glance.LATE_TWINS):
        yield Trouble(
            "late_twin",
            f"{twin.batch} was sent twice: it came to light after its absence had counted as proved.",
            str(twin.batch),
            twin.decided_at,
            twin.batch.note,
        )


def _night_not_sent(house: Facts) -> Iterator[Trouble]:
    """Documents that were due wait, and nobody built a batch of them: asked only while the night is not complete."""
    date, due_at = nights.latest_due(house.now, house.settings.night, house.settings.zone)
    if house.now < due_at + timedelta(minutes=house.settings.night_late_minutes):
        return
    if Night.objects.filter(Q(left_at__isnull=False) | Q(completed_at__isnull=False), date=date).exists():
        return
    if Document.objects.due_for_the_night(due_at).exists():
        yield Trouble(
            "night_not_sent",
            f"The night of {date:%d %b} was due at {due_at:%H:%M} UTC, and nothing of it was sent.",
            f"N-{date}",
            due_at,
        )


def _time(house: Facts) -> Iterator[Trouble]:
    now = house.now
    at_the_api = house.in_state(BatchState.IN_PROGRESS, BatchState.CANCELING)
    ended = house.in_state(BatchState.ENDED)
    for batch in at_the_api:
        if batch.expires_at and batch.expires_at < now + EXPIRY_NEAR:
            yield Trouble(
                "expiry_near",
                f"{batch} runs out of time at {batch.expires_at:%H:%M} UTC; what is not processed by then goes again.",
                str(batch),
                batch.expires_at,
            )
    unasked = max(UNASKED_AFTER, timedelta(seconds=3 * house.settings.poll_seconds))
    for batch in at_the_api:
        last_asked = batch.polled_at or batch.created_at or batch.claimed_at
        if last_asked and last_asked < now - unasked:
            yield Trouble(
                "not_polled",
                f"The API has not been asked about {batch} for a while; it is frozen until it can be.",
                str(batch),
                batch.polled_at or batch.created_at,
                batch.note,
            )
    for batch in ended:
        if batch.ended_at and batch.ended_at < now - UNFETCHED_AFTER:
            sentence = f"{batch} ended and its results are not stored yet."
            yield Trouble("not_fetched", sentence, str(batch), batch.ended_at, batch.note)
    for batch in (*ended, *at_the_api):
        if batch.created_at and batch.created_at < now - RESULTS_KEPT + RESULTS_END_NEAR:
            yield Trouble(
                "results_end_near",
                f"The results of {batch} are deleted 29 days after its creation.",
                str(batch),
                batch.created_at,
            )


def _set_aside(house: Facts) -> Iterator[Trouble]:
    for batch in house.seen.of(glance.BATCHES_SET_ASIDE):
        since = batch.ended_at or batch.built_at
        yield Trouble("set_aside", f"{batch} stands still.", str(batch), since, batch.note)
    for work in house.seen.of(glance.WORK_SET_ASIDE):
        yield Trouble("set_aside", work.stands_still, work.subject, work.last_at)


def _imports(house: Facts) -> Iterator[Trouble]:
    for upload in house.seen.of(glance.STALLED_IMPORTS):
        name = f"U-{upload.pk}"
        yield Trouble("import", f"The import of {name} stands still.", name, quoted=upload.error)


def _strangers(house: Facts) -> Iterator[Trouble]:
    for batch in house.seen.of(glance.BATCHES_WITH_STRAYS):
        yield Trouble("stray_lines", f"{batch} brought result lines that answer none of its requests.", str(batch))
    strangers = house.seen.of(glance.ACCOUNTS_WITH_STRANGERS)
    for account in strangers.filter(foreign_seen_at__gt=house.now - FOREIGN_SHOWN_FOR):
        yield Trouble(
            "foreign_batches",
            f"Another program sends batches in the workspace of {account} (last: {account.foreign_batch_id}); "
            "give Nightshift a workspace of its own.",
            since=account.foreign_seen_at,
        )


_LOOKS: tuple[Callable[[Facts], Iterator[Trouble]], ...] = (
    _silent_workers,
    _stopped_schedules,
    _failing_schedules,
    _wrong_clock,
    _unbalanced_book,
    _low_disk,
    _closed_gates,
    _money,
    _night_not_sent,
    _doubt,
    _time,
    _set_aside,
    _imports,
    _strangers,
)
