"""What needs a person now: one closed list for the dashboard, `status`, `doctor` and alarms.

Only what a person can change is here; what time or a retry settles is not.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q
from django.db.models.functions import Coalesce
from django_q.models import Schedule

from labeling import nights, store
from labeling.configuration import Configuration
from labeling.foundations import SCHEDULES
from labeling.health.heartbeat import QUEUES, cluster
from labeling.models import Account, Batch, Candidate, Document, Gate, LedgerCheck, Night, StrayLine, Upload
from labeling.money import limits
from labeling.money.limits import Standing
from labeling.states import BatchState, UploadState, Verdict

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


def troubles(settings: Configuration, now: datetime) -> list[Trouble]:
    """Every trouble, the gravest kind first; a fixed number of queries."""
    return [trouble for look in _LOOKS for trouble in look(settings, now)]


def _silent_workers(settings: Configuration, now: datetime) -> Iterator[Trouble]:
    alive = cluster(now)
    silent = [queue for queue in QUEUES if not alive["queues"][queue]]
    if silent:
        last = f"{datetime.fromisoformat(alive['last_beat']):%d %b %H:%M} UTC" if alive["last_beat"] else "never"
        names = " and ".join(silent)
        yield Trouble(
            "silent_workers", f"No worker of the queue {names} has beaten for three minutes; last beat: {last}."
        )


def _stopped_schedules(settings: Configuration, now: datetime) -> Iterator[Trouble]:
    """Only while workers beat: where nobody runs, schedules are not what is wrong."""
    ours = [spec["name"] for spec in SCHEDULES]
    late = Schedule.objects.filter(name__in=ours, next_run__lt=now - SCHEDULE_LATE).order_by("next_run").first()
    if late and any(cluster(now)["queues"].values()):
        yield Trouble(
            "stopped_schedules",
            f"The schedule {late.name!r} has not run since {late.next_run:%H:%M} UTC: a broken schedule stops all "
            "others of its queue. `python manage.py doctor` names those that are not ours.",
            since=late.next_run,
        )


def _unbalanced_book(settings: Configuration, now: datetime) -> Iterator[Trouble]:
    check = LedgerCheck.objects.first()
    if check and not check.holds:
        wrong = "; ".join(identity["name"] for identity in check.identities if not identity["holds"])
        yield Trouble("ledger", f"The book does not balance: {wrong}.", since=check.checked_at)


def _low_disk(settings: Configuration, now: datetime) -> Iterator[Trouble]:
    free = store.free_bytes()
    if free < settings.min_free_bytes:
        yield Trouble("disk", f"Only {free:,} bytes of disk are free: imports and results wait.")


def _closed_gates(settings: Configuration, now: datetime) -> Iterator[Trouble]:
    for gate in Gate.objects.filter(closed_at__isnull=False).select_related("task"):
        yield Trouble(
            f"paused_by_{gate.kind}",
            f"{gate.task or 'Everything'} is paused by {gate.closed_by}.",
            f"task:{gate.task.slug}" if gate.task else "",
            gate.closed_at,
            gate.reason,
        )


def _money(settings: Configuration, now: datetime) -> Iterator[Trouble]:
    """Only where something waits because of it: a limit that is not reached is no trouble."""
    found = limits.over(settings, now) if limits.are_set(settings) else None
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


def _doubt(settings: Configuration, now: datetime) -> Iterator[Trouble]:
    for batch in Batch.objects.doubtful():
        yield Trouble(
            "doubt",
            f"{batch} had no clear outcome and is frozen, and its {batch.request_total:,} documents wait.",
            str(batch),
            batch.doubt_since,
            batch.note,
        )
    for twin in Candidate.objects.filter(verdict=Verdict.LATE_TWIN).select_related("batch"):
        yield Trouble(
            "late_twin",
            f"{twin.batch} was sent twice: it came to light after its absence had counted as proved.",
            str(twin.batch),
            twin.decided_at,
            twin.batch.note,
        )


def _night_not_sent(settings: Configuration, now: datetime) -> Iterator[Trouble]:
    """Documents that were due wait, and nobody built a batch of them: asked only while the night is not complete."""
    date, due_at = nights.latest_due(now, settings.night, settings.zone)
    if now < due_at + timedelta(minutes=settings.night_late_minutes):
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


def _time(settings: Configuration, now: datetime) -> Iterator[Trouble]:
    for batch in Batch.objects.at_the_api().filter(expires_at__lt=now + EXPIRY_NEAR):
        yield Trouble(
            "expiry_near",
            f"{batch} runs out of time at {batch.expires_at:%H:%M} UTC; what is not processed by then goes again.",
            str(batch),
            batch.expires_at,
        )
    unasked = max(UNASKED_AFTER, timedelta(seconds=3 * settings.poll_seconds))
    last_asked = Coalesce("polled_at", "created_at", "claimed_at")
    for batch in Batch.objects.at_the_api().annotate(last_asked=last_asked).filter(last_asked__lt=now - unasked):
        yield Trouble(
            "not_polled",
            f"The API has not been asked about {batch} for a while; it is frozen until it can be.",
            str(batch),
            batch.polled_at or batch.created_at,
            batch.note,
        )
    for batch in Batch.objects.filter(state=BatchState.ENDED, ended_at__lt=now - UNFETCHED_AFTER):
        yield Trouble(
            "not_fetched", f"{batch} ended and its results are not stored yet.", str(batch), batch.ended_at, batch.note
        )
    not_stored = Q(state=BatchState.ENDED) | Q(state__in=(BatchState.IN_PROGRESS, BatchState.CANCELING))
    for batch in Batch.objects.filter(not_stored, created_at__lt=now - RESULTS_KEPT + RESULTS_END_NEAR):
        yield Trouble(
            "results_end_near",
            f"The results of {batch} are deleted 29 days after its creation.",
            str(batch),
            batch.created_at,
        )


def _set_aside(settings: Configuration, now: datetime) -> Iterator[Trouble]:
    for batch in Batch.objects.set_aside():
        since = batch.ended_at or batch.built_at
        yield Trouble("set_aside", f"{batch} stands still.", str(batch), since, batch.note)


def _imports(settings: Configuration, now: datetime) -> Iterator[Trouble]:
    for upload in Upload.objects.filter(state=UploadState.IMPORTING).exclude(error=""):
        name = f"U-{upload.pk}"
        yield Trouble("import", f"The import of {name} stands still.", name, quoted=upload.error)


def _strangers(settings: Configuration, now: datetime) -> Iterator[Trouble]:
    for batch in Batch.objects.filter(pk__in=StrayLine.objects.exclude(why="no_document").values("batch").distinct()):
        yield Trouble("stray_lines", f"{batch} brought result lines that answer none of its requests.", str(batch))
    for account in Account.objects.filter(foreign_seen_at__gt=now - FOREIGN_SHOWN_FOR):
        yield Trouble(
            "foreign_batches",
            f"Another program sends batches in the workspace of {account} (last: {account.foreign_batch_id}); "
            "give Nightshift a workspace of its own.",
            since=account.foreign_seen_at,
        )


_LOOKS: tuple[Callable[[Configuration, datetime], Iterator[Trouble]], ...] = (
    _silent_workers,
    _stopped_schedules,
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
