"""Why it waits: one reason of the closed list for every queued document, the same on every page and in `status`.

A document that nothing holds back has no reason: it leaves with the next tick. What is the same for all waiting
documents of an upload and a way is read from the tallies, so a million of them cost what ten cost; only those
that differ, such as copies and what goes again, are counted from rows.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Sum
from django.utils import timezone

from labeling import asked_to_wait, counts, nights
from labeling.configuration import Configuration
from labeling.glance import CLOSED_GATES, MOVING, ORDERS, Glance, glance
from labeling.models import Batch, Document, DocumentTally, Gate, LabelingTaskVersion, SendOrder, Upload
from labeling.money import limits
from labeling.money.limits import Over
from labeling.states import DocumentState, HoldKind, Lane, UploadState, WaitingReason, Way


@dataclass(frozen=True, slots=True)
class Why:
    """One reason. None: it leaves with the next tick. `by` and `since` where a person or a stage brought it about."""

    reason: WaitingReason | None
    sentence: str
    until: datetime | None = None
    by: str = ""
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many documents wait for one reason."""

    why: Why
    documents: int


LEAVES = Why(None, "Leaves with the next tick.")


def reasons(settings: Configuration, *, upload_id: int | None = None) -> dict[WaitingReason | None, int]:
    """Queued documents by reason, of everything or of one upload; None: leaves with the next tick."""
    found: dict[WaitingReason | None, int] = defaultdict(int)
    for group, n in _groups(settings, None if upload_id is None else [upload_id]):
        found[group.why.reason] += n
    return dict(found)


def of_everything(settings: Configuration, seen: Glance | None = None) -> list[Waiting]:
    """`seen`: where somebody has looked around already."""
    return _summed(_groups(settings, seen=seen))


def of_uploads(settings: Configuration, upload_ids: Collection[int]) -> dict[int, list[Waiting]]:
    """For each of these uploads; the reason of most documents first."""
    by_upload: dict[int, list[tuple[_Group, int]]] = {upload_id: [] for upload_id in upload_ids}
    for group, n in _groups(settings, upload_ids) if upload_ids else ():
        by_upload[group.upload_id].append((group, n))
    return {upload_id: _summed(groups) for upload_id, groups in by_upload.items()}


def of_task(settings: Configuration, task_id: int) -> list[Waiting]:
    return _summed(_groups(settings, task_id=task_id))


def of_tasks(settings: Configuration) -> dict[int, list[Waiting]]:
    """For each labeling task of which something waits, by its id."""
    by_task: dict[int, list[tuple[_Group, int]]] = defaultdict(list)
    for group, n in _groups(settings):
        by_task[group.task_id].append((group, n))
    return {task_id: _summed(groups) for task_id, groups in by_task.items()}


def of_document(document: Document, settings: Configuration) -> Why | None:
    """None if it does not wait."""
    if document.state != DocumentState.QUEUED:
        return None
    house = _house(settings, [document.upload_id])
    rows = _unlike(house, ids=[document.pk])
    upload = house.uploads[document.upload_id]
    task_id = LabelingTaskVersion.objects.values_list("task_id", flat=True).get(pk=document.version_id)
    return _why(house, upload, document.version_id, task_id, Way(document.way), rows[0][1] if rows else _Unlike())


@dataclass(frozen=True, slots=True)
class _Unlike:
    """How documents differ from the others of their upload and way."""

    is_copy: bool = False
    is_in_doubt: bool = False
    is_tried: bool = False
    counts_from: datetime | None = None
    again_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Group:
    upload_id: int
    task_id: int
    why: Why


@dataclass(frozen=True, slots=True)
class _House:
    """What holds at this moment for all documents."""

    now: datetime
    last_due: datetime
    next_due: datetime
    everything: Gate | None
    tasks: dict[int, Gate]
    uploads: dict[int, Upload]
    moving: Collection[int]
    """Versions whose waiting documents are being moved to another: they do not leave before."""

    unproved: Collection[int]
    urgent_waits_until: datetime | None
    queue_is_full: bool
    orders: dict[tuple[str, int], SendOrder] = field(default_factory=dict)
    over: Over | None = None
    """Versions that a money limit keeps from leaving."""


def _groups(
    settings: Configuration,
    upload_ids: Collection[int] | None = None,
    *,
    task_id: int | None = None,
    seen: Glance | None = None,
) -> Iterable[tuple[_Group, int]]:
    """Waiting documents, grouped so that all of a group wait for the same reason."""
    tallies = DocumentTally.objects.filter(state=DocumentState.QUEUED)
    if upload_ids is not None:
        tallies = tallies.filter(upload__in=upload_ids)
    if task_id is not None:
        tallies = tallies.filter(version__task=task_id)
    keys = ("upload_id", "version_id", "version__task_id", "way")
    waiting = {
        tuple(row): int(n) for *row, n in tallies.order_by().values_list(*keys).annotate(n=Sum("documents")) if n
    }
    if not waiting:
        return
    everything = upload_ids is None and task_id is None
    uploads = {upload_id for upload_id, *_ in waiting}
    house = _house(settings, uploads, many=_many(waiting) if everything else None, seen=seen)
    for key, unlike, n in _unlike(house, upload_ids=None if everything else house.uploads):
        # Rows and tallies are read one after the other; what moved in between is told by the next look.
        n = min(n, waiting.get(key, 0))
        if n:
            waiting[key] -= n
            yield _group(house, key, unlike), n
    for key, n in waiting.items():
        if n:
            yield _group(house, key, _Unlike()), n


def _many(waiting: Mapping[tuple[Any, ...], int]) -> set[int]:
    """Versions of which many documents wait, out of all that waits."""
    by_version: Counter[int] = Counter()
    for (_, version_id, *_), n in waiting.items():
        by_version[version_id] += n
    return {version_id for version_id, n in by_version.items() if n > counts.MANY}


def _group(house: _House, key: tuple[Any, ...], unlike: _Unlike) -> _Group:
    upload_id, version_id, task_id, way = key
    return _Group(upload_id, task_id, _why(house, house.uploads[upload_id], version_id, task_id, Way(way), unlike))


def _why(house: _House, upload: Upload, version_id: int, task_id: int, way: Way, unlike: _Unlike) -> Why:
    """The one function. What a person can end comes before what time ends."""
    if upload.state == UploadState.IMPORTING:
        return Why(WaitingReason.IMPORTING, WaitingReason.IMPORTING.sentence)
    if upload.state == UploadState.WITHDRAWN:
        return Why(WaitingReason.HELD, "It is just being withdrawn.", by=upload.withdrawn_by, since=upload.withdrawn_at)
    for gate in (house.everything, house.tasks.get(task_id)):
        if gate:
            return _behind(gate)
    if upload.hold_kind == HoldKind.PERSON:
        return _held_by(upload)
    if upload.hold_kind == HoldKind.TRIAL and not unlike.is_tried:
        return Why(WaitingReason.TRIAL, WaitingReason.TRIAL.sentence, by=upload.held_by, since=upload.held_at)
    if unlike.is_copy:
        reason = WaitingReason.DOUBT if unlike.is_in_doubt else WaitingReason.COPY
        return Why(reason, reason.sentence)
    if version_id in house.moving:
        return Why(WaitingReason.MOVING, WaitingReason.MOVING.sentence)
    if way != Way.URGENT and version_id in house.unproved:
        return Why(WaitingReason.CANARY, WaitingReason.CANARY.sentence)
    if unlike.again_at and unlike.again_at > house.now:
        return Why(WaitingReason.BACK_OFF, WaitingReason.BACK_OFF.sentence, until=unlike.again_at)
    if way == Way.URGENT and house.urgent_waits_until:
        return Why(WaitingReason.RETRY_AFTER, WaitingReason.RETRY_AFTER.sentence, until=house.urgent_waits_until)
    if way != Way.URGENT and house.queue_is_full:
        return Why(WaitingReason.QUEUE_FULL, WaitingReason.QUEUE_FULL.sentence)
    tonight = _tonight(house, upload, task_id, unlike) if way == Way.TONIGHT else LEAVES
    if tonight is LEAVES and house.over and version_id in house.over.versions(way):
        return Why(WaitingReason.LIMIT, house.over.sentence(version_id, way))
    return tonight


def _behind(gate: Gate) -> Why:
    reason, sentence = WaitingReason.PAUSED, f"Sending is paused by {gate.closed_by}: {_ended(gate.reason)}"
    if gate.task_id and gate.kind == "person":
        reason, sentence = WaitingReason.HELD, f"Its task is held by {gate.closed_by}: {_ended(gate.reason)}"
    elif gate.task_id and gate.kind == "canary":
        reason, sentence = WaitingReason.CANARY, gate.reason
    elif gate.task_id:
        sentence = f"Its task is paused by {gate.closed_by}: {_ended(gate.reason)}"
    return Why(reason, sentence, until=gate.until, by=gate.closed_by, since=gate.closed_at)


def _ended(reason: str) -> str:
    """What a person wrote, as the end of a sentence."""
    return reason if reason.endswith((".", "!", "?")) else f"{reason}."


def _held_by(upload: Upload) -> Why:
    sentence = f"Held by {upload.held_by}: {_ended(upload.hold_reason)}"
    return Why(WaitingReason.HELD, sentence, until=upload.held_until, by=upload.held_by, since=upload.held_at)


def _tonight(house: _House, upload: Upload, task_id: int, unlike: _Unlike) -> Why:
    order = house.orders.get(("upload", upload.pk)) or house.orders.get(("task", task_id))
    if order:
        sentence = f"{order.ordered_by} sends it now; until then it can be taken back."
        return Why(WaitingReason.TONIGHT, sentence, until=order.leaves_at, by=order.ordered_by, since=order.ordered_at)
    since = max(filter(None, (unlike.counts_from, upload.counts_from)), default=None)
    if since and since > house.last_due:
        return Why(WaitingReason.TONIGHT, WaitingReason.TONIGHT.sentence, until=house.next_due)
    return LEAVES


def _summed(groups: Iterable[tuple[_Group, int]]) -> list[Waiting]:
    """Equal reasons together; of times that differ the next one is told."""
    found: dict[tuple[Any, ...], tuple[Why, int]] = {}
    for group, n in groups:
        key = (group.why.reason, group.why.sentence, group.why.by)
        known, before = found.get(key, (group.why, 0))
        ends = [why.until for why in (known, group.why) if why.until]
        why = known if not ends or known.until == min(ends) else group.why
        found[key] = (why, before + n)
    return sorted((Waiting(why, n) for why, n in found.values()), key=lambda waiting: -waiting.documents)


def _house(
    settings: Configuration,
    upload_ids: Collection[int],
    *,
    many: set[int] | None = None,
    seen: Glance | None = None,
) -> _House:
    now = timezone.now()
    seen = seen or glance()
    closed = list(seen.of(CLOSED_GATES))
    return _House(
        now=now,
        last_due=nights.latest_due(now, settings.night, settings.zone)[1],
        next_due=nights.next_due(now, settings.night, settings.zone)[1],
        everything=next((gate for gate in closed if gate.task_id is None), None),
        tasks={gate.task_id: gate for gate in closed if gate.task_id is not None},
        uploads=_UPLOADS.in_bulk(upload_ids),
        moving=set(seen.of(MOVING).values_list("pk", flat=True)),
        unproved=counts.unproved_versions(now, many) if settings.canary else frozenset(),
        urgent_waits_until=asked_to_wait.until(Lane.URGENT),
        queue_is_full=Batch.objects.requests_in_queue() >= settings.queue_limit,
        over=limits.over(settings, now) if limits.are_set(settings) else None,
        orders={("upload", o.upload_id) if o.upload_id else ("task", o.task_id or 0): o for o in seen.of(ORDERS)},
    )


_UPLOADS = Upload.objects.only(
    *("state", "counts_from", "hold_kind", "held_at", "held_by", "held_until", "hold_reason"),
    *("withdrawn_at", "withdrawn_by"),
)

# The condition of the index document_waits_unlike. A copy is in doubt while the batch of its leader is.
_ROWS = """
    WITH unlike AS (
        SELECT id FROM labeling_document
        WHERE state = 'queued'
            AND (leader_id IS NOT NULL OR not_before IS NOT NULL OR (queued_at IS NOT NULL AND way = 'tonight'))
            AND (%(uploads)s::bigint[] IS NULL OR upload_id = ANY(%(uploads)s))
            AND (%(ids)s::bigint[] IS NULL OR id = ANY(%(ids)s))
        UNION
        SELECT c.document_id FROM labeling_trialdocument c JOIN labeling_trial t ON t.id = c.trial_id
        WHERE t.decision = '' AND (%(uploads)s::bigint[] IS NULL OR t.upload_id = ANY(%(uploads)s))
            AND (%(ids)s::bigint[] IS NULL OR c.document_id = ANY(%(ids)s))
    ), seen AS (
        SELECT d.upload_id, d.version_id, v.task_id, d.way, d.leader_id IS NOT NULL AS is_copy,
            d.leader_id IS NOT NULL AND EXISTS (SELECT 1 FROM labeling_batch WHERE state = 'unknown') AND EXISTS (
                SELECT 1 FROM labeling_request r JOIN labeling_batch b ON b.id = r.batch_id
                WHERE r.document_id = d.leader_id AND r.outcome = 'open' AND b.state = 'unknown') AS is_in_doubt,
            EXISTS (SELECT 1 FROM labeling_trialdocument c WHERE c.document_id = d.id) AS is_tried,
            COALESCE(d.queued_at > %(last_due)s, FALSE) AS is_late, COALESCE(d.not_before > %(now)s, FALSE) AS rests,
            d.queued_at, d.not_before
        FROM unlike JOIN labeling_document d USING (id)
        JOIN labeling_labelingtaskversion v ON v.id = d.version_id
        WHERE d.state = 'queued'
    )
    SELECT upload_id, version_id, task_id, way, is_copy, is_in_doubt, is_tried, min(queued_at) FILTER (WHERE is_late),
        min(not_before) FILTER (WHERE rests), count(*)
    FROM seen GROUP BY upload_id, version_id, task_id, way, is_copy, is_in_doubt, is_tried, is_late, rests
"""


def _unlike(
    house: _House, *, upload_ids: Collection[int] | None = None, ids: Collection[int] | None = None
) -> list[tuple[tuple[Any, ...], _Unlike, int]]:
    """Documents that differ from the others of their upload and way, counted by how they differ."""
    with connection.cursor() as cursor:
        cursor.execute(
            _ROWS,
            {
                "now": house.now,
                "last_due": house.last_due,
                "uploads": None if upload_ids is None else list(upload_ids),
                "ids": None if ids is None else list(ids),
            },
        )
        rows = cursor.fetchall()
    return [
        ((upload, version, task, way), _Unlike(is_copy, doubt, tried, late, again), int(n))
        for upload, version, task, way, is_copy, doubt, tried, late, again, n in rows
    ]
