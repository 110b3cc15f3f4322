"""The moves of documents, always many at once, together with the requests that carry them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from labeling import custom_ids, faults
from labeling.models import Batch, Document, LabelingTaskVersion
from labeling.pricing import NOTHING
from labeling.querysets import COUNTS_FROM, MAY_LEAVE, DocumentQuerySet
from labeling.states import DocumentState, FailureReason, Outcome, Way
from labeling.worst_case import WorstCase

from .gates import OPEN_GATES
from .locking import lock_tasks_of_versions


@dataclass(frozen=True, slots=True)
class Claimed:
    """A document that this process alone may send now in real time."""

    request_id: int
    document_id: int
    version_id: int
    custom_id: str


@dataclass(frozen=True, slots=True)
class Cut:
    """What went into a batch: requests of each upload, the bytes of their encoded bodies, their worst case in USD."""

    by_upload: Mapping[int, int]
    body_bytes: int
    reserved_usd: Decimal | None

    @property
    def requests(self) -> int:
        return sum(self.by_upload.values())


def claim_into_batch(
    batch: Batch,
    *,
    installation: str,
    request_bytes: int,
    most: Mapping[int, int],
    most_bytes: int,
    worst: WorstCase | None,
    most_usd: Decimal | None,
    now: datetime,
) -> Cut:
    """queued to batched, with one open Request each: documents of the batch's version and way, the oldest first.

    `most` says how many of which upload, by its id; the whole is cut by encoded bytes. request_bytes is what a
    request takes beside its text. A night's batch takes what was queued before the night was due. Under a money
    limit it is cut where the worst cases exceed `most_usd`, and nothing of an unknown price goes in.
    """
    due = batch.night.due_at if batch.night else None
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH candidate AS (
                SELECT d.* FROM unnest(%(uploads)s::bigint[], %(most)s::bigint[]) AS share(upload_id, most)
                CROSS JOIN LATERAL (
                    SELECT d.id, d.upload_id, d.sha256, d.encoded_bytes, w.usd
                    FROM labeling_document d JOIN labeling_upload u ON u.id = d.upload_id {WORST}
                    WHERE {MAY_LEAVE} AND {FITS} AND d.version_id = %(version)s AND d.way = %(way)s
                        AND d.upload_id = share.upload_id
                        {f"AND {COUNTS_FROM} <= %(due)s" if due else ""}
                    ORDER BY d.id LIMIT share.most FOR UPDATE OF d SKIP LOCKED
                ) d
            ), sized AS (
                SELECT id, upload_id, sha256,
                    sum(encoded_bytes + %(request_bytes)s) OVER (ORDER BY upload_id, id) AS total,
                    sum(usd) OVER (ORDER BY upload_id, id) AS usd,
                    row_number() OVER (ORDER BY upload_id, id) AS place
                FROM candidate
            ), chosen AS (
                SELECT * FROM sized
                WHERE (total <= %(most_bytes)s OR place = 1) AND (%(room)s::numeric IS NULL OR usd <= %(room)s)
            ), moved AS (
                UPDATE labeling_document d SET state = 'batched', attempts = attempts + 1, not_before = NULL
                FROM chosen c WHERE d.id = c.id
            ), requested AS (
                INSERT INTO labeling_request (document_id, version_id, batch_id, lane, custom_id, created_at)
                SELECT id, %(version)s, %(batch)s, 'batch',
                    %(prefix)s || id || '-' || left(encode(sha256, 'hex'), 8), %(now)s
                FROM chosen ORDER BY place
            )
            SELECT upload_id, count(*), max(total), max(usd) FROM chosen GROUP BY upload_id
            """,
            {
                **_worst({batch.version_id: worst}, most_usd),
                "version": batch.version_id,
                "batch": batch.pk,
                "way": batch.way,
                "now": now,
                "due": due,
                "uploads": list(most),
                "most": list(most.values()),
                "most_bytes": most_bytes,
                "request_bytes": request_bytes,
                "prefix": custom_ids.prefix(installation, batch.token),
            },
        )
        rows = cursor.fetchall()
    return Cut(
        {upload: int(n) for upload, n, *_ in rows},
        max((int(total) for _, _, total, _ in rows), default=0),
        None if worst is None else max((usd for *_, usd in rows), default=NOTHING),
    )


WORST = """
    LEFT JOIN LATERAL (
        SELECT s.request_usd + s.byte_usd * d.encoded_bytes AS usd
        FROM unnest(%(step_versions)s::bigint[], %(step_above)s::bigint[],
            %(step_request_usd)s::numeric[], %(step_byte_usd)s::numeric[])
            AS s(version_id, above_bytes, request_usd, byte_usd)
        WHERE s.version_id = d.version_id AND d.encoded_bytes > s.above_bytes
        ORDER BY s.above_bytes DESC LIMIT 1
    ) w ON TRUE
"""
"""The worst case of document d in USD; NULL where its price is unknown."""

FITS = "(%(room)s::numeric IS NULL OR w.usd <= %(room)s)"
"""Alone it does not exceed the room of the money limit; one without a known price does."""


def _worst(cases: Mapping[int, WorstCase | None], room: Decimal | None) -> dict[str, Any]:
    """The parameters of WORST and FITS."""
    steps = [(version_id, step) for version_id, case in cases.items() if case for step in case.steps]
    return {
        "step_versions": [version_id for version_id, _ in steps],
        "step_above": [step.above_bytes for _, step in steps],
        "step_request_usd": [step.request_usd for _, step in steps],
        "step_byte_usd": [step.byte_usd for _, step in steps],
        "room": room,
    }


def claim_urgent(
    *,
    installation: str,
    account_id: int,
    most: int,
    concurrency: int,
    deadline: datetime,
    now: datetime,
    gate_tasks: Sequence[int],
    worst: Mapping[int, WorstCase | None],
    room_usd: Callable[[], Decimal | None],
) -> list[Claimed]:
    """queued to batched for real-time calls, as many as the installation's limit of open calls still allows.

    The lock makes the limits those of the installation and not of a worker, so `room_usd` is asked under it: what
    the money limit of the day still has. Gates are read in the statement.
    """
    token = custom_ids.new_token()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('nightshift urgent claim', 0))")
        room = room_usd()
        cursor.execute(
            f"""
            WITH {OPEN_GATES}, candidate AS (
                SELECT d.id, d.version_id, d.sha256, t.priority, w.usd
                FROM labeling_document d
                JOIN labeling_upload u ON u.id = d.upload_id
                JOIN labeling_labelingtaskversion v ON v.id = d.version_id
                JOIN labeling_labelingtask t ON t.id = v.task_id {WORST}
                WHERE {MAY_LEAVE} AND {FITS} AND d.way = 'urgent' AND v.moves_to_id IS NULL
                    AND NOT EXISTS (
                        SELECT 1 FROM gates g WHERE g.closed_at IS NOT NULL AND (g.task_id IS NULL OR g.task_id = t.id)
                    )
                ORDER BY t.priority DESC, d.id
                LIMIT GREATEST(0, LEAST(%(most)s, %(concurrency)s - (
                    SELECT count(*) FROM labeling_request WHERE lane = 'urgent' AND outcome = 'open'
                )))
                FOR UPDATE OF d SKIP LOCKED
            ), summed AS (
                SELECT *, sum(usd) OVER (ORDER BY priority DESC, id) AS usd_so_far FROM candidate
            ), chosen AS (
                SELECT * FROM summed WHERE %(room)s::numeric IS NULL OR usd_so_far <= %(room)s
            ), moved AS (
                UPDATE labeling_document d SET state = 'batched', attempts = attempts + 1, not_before = NULL
                FROM chosen c WHERE d.id = c.id
            )
            INSERT INTO labeling_request
                (document_id, version_id, account_id, lane, custom_id, created_at, deadline, reserved_usd)
            SELECT id, version_id, %(account)s, 'urgent',
                %(prefix)s || id || '-' || left(encode(sha256, 'hex'), 8), %(now)s, %(deadline)s, usd
            FROM chosen
            RETURNING id, document_id, version_id, custom_id
            """,
            {
                **_worst(worst, room),
                "account": account_id,
                "now": now,
                "deadline": deadline,
                "most": most,
                "concurrency": concurrency,
                "prefix": custom_ids.prefix(installation, token),
                "gate_tasks": list(gate_tasks),
            },
        )
        claimed = [Claimed(*row) for row in cursor.fetchall()]
        faults.reach("urgent: claiming")
    return claimed


def release_unsent(
    *, batch: Batch | None = None, request_ids: Sequence[int] = (), not_before: datetime | None = None
) -> int:
    """batched to queued for requests that surely never left: they end not_sent and do not count as attempts.

    What nobody wants any more is withdrawn instead.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            WITH unsent AS (
                UPDATE labeling_request SET outcome = 'not_sent', ended_at = now(), reserved_usd = NULL
                WHERE outcome = 'open' AND (batch_id = %(batch)s OR id = ANY(%(requests)s))
                RETURNING document_id
            )
            UPDATE labeling_document d
            SET state = CASE WHEN d.unwanted THEN 'withdrawn' ELSE 'queued' END,
                withdrawn_from = CASE WHEN d.unwanted THEN 'queued' ELSE '' END,
                unwanted = FALSE, attempts = attempts - 1, not_before = %(not_before)s
            FROM unsent WHERE d.id = unsent.document_id AND d.state = 'batched'
            RETURNING d.state
            """,
            {"batch": batch.pk if batch else None, "requests": list(request_ids), "not_before": not_before},
        )
        states = [row[0] for row in cursor.fetchall()]
        if DocumentState.WITHDRAWN in states:
            let_heirs_take_over()
    return len(states)


def move_requests(batch: Batch, twin: Batch, first_id: int, *, installation: str) -> None:
    """The requests of a batch from an id on move to its twin, under the twin's token; nothing of them was sent."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE labeling_request SET batch_id = %(twin)s,
                custom_id = %(prefix)s || split_part(custom_id, '-', 3) || '-' || split_part(custom_id, '-', 4)
            WHERE batch_id = %(batch)s AND id >= %(first)s
            """,
            {
                "twin": twin.pk,
                "batch": batch.pk,
                "first": first_id,
                "prefix": custom_ids.prefix(installation, twin.token),
            },
        )


def end_without_answer(request_ids: Iterable[int], outcome: Outcome, reason: FailureReason) -> int:
    """batched to failed for requests that will bring no answer (missing, unclear); never sent again by themselves."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            WITH ended AS (
                UPDATE labeling_request SET outcome = %(outcome)s, ended_at = now()
                WHERE outcome = 'open' AND id = ANY(%(requests)s) RETURNING document_id
            )
            UPDATE labeling_document d
            SET state = CASE WHEN d.unwanted THEN 'withdrawn' ELSE 'failed' END,
                withdrawn_from = CASE WHEN d.unwanted THEN 'failed' ELSE '' END,
                unwanted = FALSE, failure_reason = %(reason)s
            FROM ended WHERE d.id = ended.document_id AND d.state = 'batched'
            RETURNING d.id
            """,
            {"outcome": outcome, "requests": list(request_ids), "reason": reason},
        )
        leaders = [row[0] for row in cursor.fetchall()]
        follow_leaders(leaders)
    return len(leaders)


def follow_leaders(leader_ids: Sequence[int]) -> int:
    """A copy is labeled or failed with its leader, and shows its result; also with one that was then withdrawn."""
    if not leader_ids:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH copies AS MATERIALIZED (
                SELECT id, leader_id FROM labeling_document WHERE leader_id = ANY(%s)
            ), settled AS (
                SELECT copies.id, l.result_id, l.failure_reason,
                    CASE l.state WHEN 'withdrawn' THEN l.withdrawn_from ELSE l.state END AS state
                FROM copies JOIN labeling_document l ON l.id = copies.leader_id
            )
            UPDATE labeling_document c
            SET state = s.state, result_id = COALESCE(s.result_id, c.result_id),
                failure_reason = s.failure_reason, closed_at = NULL, closed_reason = '', not_before = NULL
            FROM settled s
            WHERE c.id = s.id
                AND s.state IN ('labeled', 'failed') AND c.state IN ('queued', 'labeled', 'failed')
            """,
            [list(leader_ids)],
        )
        return int(cursor.rowcount)


def let_heirs_take_over() -> int:
    """A leader that was withdrawn leads nobody: copies of its own upload go with it, the oldest other one takes over.

    Returns how many copies became leaders. Cheap where nothing waits, so whoever withdraws or imports may call it.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_WITHDRAW_WITH_LEADER)
        return promote_heirs()


def promote_heirs(leader_ids: Sequence[int] | None = None) -> int:
    """The oldest waiting copy of a withdrawn leader leads the others; one whose answer is known is labeled with it.

    Of these leaders, or of all.
    """
    of = {"leaders": None if leader_ids is None else list(leader_ids)}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_LABEL_OF_WITHDRAWN_LEADER, of)
        cursor.execute(_HEIRS, of)
        return lead_instead(cursor.fetchall())


def lead_instead(heirs: Sequence[tuple[int, int]]) -> int:
    """Pairs of a copy and its leader change places: the leader and its other copies follow the heir."""
    if heirs:
        pairs = {"heirs": [heir for heir, _ in heirs], "old": [old for _, old in heirs]}
        with transaction.atomic(), connection.cursor() as cursor:
            for step in (_FOLLOW_THE_HEIR, _LEAD):
                cursor.execute(step, pairs)
    return len(heirs)


_WITHDRAW_WITH_LEADER = """
    UPDATE labeling_document c
    SET state = 'withdrawn', withdrawn_from = 'queued', withdrawn_with_upload = l.withdrawn_with_upload
    FROM labeling_document l
    WHERE c.state = 'queued' AND c.leader_id = l.id AND l.state = 'withdrawn' AND c.upload_id = l.upload_id
        AND l.withdrawn_from <> 'labeled'
"""

_LABEL_OF_WITHDRAWN_LEADER = """
    UPDATE labeling_document c SET state = 'labeled', result_id = l.result_id, not_before = NULL
    FROM labeling_document l
    WHERE c.state = 'queued' AND c.leader_id = l.id AND l.state = 'withdrawn' AND l.withdrawn_from = 'labeled'
        AND (%(leaders)s::bigint[] IS NULL OR c.leader_id = ANY(%(leaders)s))
"""

_HEIRS = """
    SELECT DISTINCT ON (c.leader_id) c.id, c.leader_id
    FROM labeling_document c
    JOIN labeling_document l ON l.id = c.leader_id
    JOIN labeling_upload u ON u.id = c.upload_id
    WHERE c.state = 'queued' AND l.state = 'withdrawn' AND l.leader_id IS NULL AND u.state <> 'withdrawn'
        AND (%(leaders)s::bigint[] IS NULL OR c.leader_id = ANY(%(leaders)s))
    ORDER BY c.leader_id, c.id
"""

_FOLLOW_THE_HEIR = """
    UPDATE labeling_document d SET leader_id = p.heir
    FROM unnest(%(heirs)s::bigint[], %(old)s::bigint[]) AS p(heir, old)
    WHERE (d.id = p.old OR d.leader_id = p.old) AND d.id <> p.heir
"""

_LEAD = "UPDATE labeling_document SET leader_id = NULL WHERE id = ANY(%(heirs)s)"


def change_way(documents: DocumentQuerySet, way: Way) -> int:
    """Another way to leave for documents that still wait. A copy pulls its queued leader along.

    Guarded by the state: a document that a batch or a call has claimed, or is claiming, keeps its way.
    """
    now = timezone.now()
    wanted = Document.objects.filter(pk__in=documents.values("pk"))
    leaders = Document.objects.filter(pk__in=wanted.waiting().exclude(leader=None).values("leader"))
    with transaction.atomic():
        _set_way(leaders, way, now)
        return _set_way(wanted, way, now)


def _set_way(documents: DocumentQuerySet, way: Way, now: datetime) -> int:
    """Rows that somebody holds at this moment are passed over: whoever waits for one while it has others
    could be waited for, and a call whose booking ends like that is lost although it was paid."""
    free = documents.waiting().exclude(way=way).select_for_update(skip_locked=True)
    return Document.objects.waiting().filter(pk__in=free.values("pk")).update(way=way, queued_at=now, not_before=None)


def queue_again(
    documents: DocumentQuerySet,
    way: Way,
    *,
    version: LabelingTaskVersion | None = None,
    states: Sequence[DocumentState] = (DocumentState.FAILED,),
) -> int:
    """failed to queued because a person said so, with the version of their task that is in use now.

    The label that was there stays until a better one arrives. Retrying a copy means retrying its leader,
    and the copies of a leader go with it. `again.label_again` takes more states and another version.
    """
    now = timezone.now()
    again: dict[str, Any] = {
        "state": DocumentState.QUEUED,
        "way": way,
        "queued_at": now,
        "not_before": None,
        "failure_reason": "",
        "closed_at": None,
        "closed_reason": "",
        "attempts_before": F("attempts"),
    }
    over = documents.filter(erasure=None, state__in=states)
    with transaction.atomic():
        leaders = set(over.leaders().values_list("pk", flat=True))
        leaders |= set(over.exclude(leader=None).values_list("leader_id", flat=True))
        family = Q(pk__in=leaders) | Q(leader_id__in=leaders)
        together = list(Document.objects.filter(family, erasure=None, state__in=states).values_list("pk", flat=True))
        known = set(together)
        followed = _take_version([pk for pk in leaders if pk in known], version)
        moved = Document.objects.filter(pk__in=together, state__in=states).update(**again)
        follow_leaders(followed)
        promote_heirs()
    return moved


def _take_version(leader_ids: Sequence[int], version: LabelingTaskVersion | None) -> list[int]:
    """Leaders and their copies move to a version, None: the one in use; whose text it knows already becomes a copy.

    Returns the leaders that were there before.
    """
    versions = Document.objects.filter(pk__in=leader_ids).order_by().values_list("version", flat=True).distinct()
    lock_tasks_of_versions(list(versions))
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_VERSION, {"leaders": list(leader_ids), "version": version.pk if version else None})
        leads = {row[0] for row in cursor.fetchall() if row[0] is not None}
    return sorted(leads - set(leader_ids))


_TAKE_VERSION = """
    WITH target AS (
        SELECT d.id, d.sha256, COALESCE(%(version)s, t.version_in_use_id) AS version_id
        FROM labeling_document d
        JOIN labeling_labelingtaskversion v ON v.id = d.version_id
        JOIN labeling_labelingtask t ON t.id = v.task_id
        WHERE d.id = ANY(%(leaders)s) AND d.leader_id IS NULL
            AND COALESCE(%(version)s, t.version_in_use_id) <> d.version_id
    ), placed AS (
        SELECT target.id, target.version_id, COALESCE(
            known.id, first_value(target.id) OVER (PARTITION BY target.version_id, target.sha256 ORDER BY target.id)
        ) AS leader_id
        FROM target
        LEFT JOIN labeling_document known
            ON known.version_id = target.version_id AND known.sha256 = target.sha256 AND known.leader_id IS NULL
    ), family AS (
        SELECT id, version_id, leader_id FROM placed
        UNION ALL
        SELECT c.id, placed.version_id, placed.leader_id FROM placed JOIN labeling_document c ON c.leader_id = placed.id
    )
    UPDATE labeling_document d SET version_id = family.version_id, leader_id = NULLIF(family.leader_id, d.id)
    FROM family WHERE d.id = family.id
    RETURNING d.leader_id
"""


def close_failures(documents: DocumentQuerySet, reason: str) -> int:
    """A person decided not to send them again; they stay failed and leave the list of decisions."""
    failed = Document.objects.need_a_person().filter(pk__in=documents.values("pk"))
    return failed.update(closed_at=timezone.now(), closed_reason=reason)
