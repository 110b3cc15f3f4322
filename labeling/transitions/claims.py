"""queued to batched: which documents go into a batch or into real-time calls, each with one open Request."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from labeling import faults
from labeling.messages import custom_ids
from labeling.models import Batch
from labeling.money.pricing import NOTHING
from labeling.money.worst_case import WorstCase
from labeling.querysets import COUNTS_FROM, MAY_LEAVE
from labeling.states import Way

from .gates import OPEN_GATES


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


_WORST = """
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

_FITS = "(%(room)s::numeric IS NULL OR w.usd <= %(room)s)"
"""Alone it does not exceed the room of the money limit; one without a known price does."""

_CLAIMABLE = f"""
    SELECT waits.version_id, waits.upload_id, few.n
    FROM (
        SELECT version_id, upload_id FROM labeling_documenttally
        WHERE state = 'queued' AND way = %(way)s AND version_id = ANY(%(versions)s)
        GROUP BY 1, 2 HAVING sum(leaders) > 0
    ) waits
    JOIN labeling_upload u ON u.id = waits.upload_id
    CROSS JOIN LATERAL (
        SELECT count(*) AS n FROM (
            SELECT FROM labeling_document d
            WHERE {MAY_LEAVE} AND d.version_id = waits.version_id AND d.way = %(way)s
                AND d.upload_id = waits.upload_id
                AND (%(due)s::timestamptz IS NULL OR {COUNTS_FROM} <= %(due)s)
            LIMIT %(most)s
        ) d
    ) few
    WHERE few.n > 0 ORDER BY waits.upload_id, waits.version_id
"""

_CLAIM_INTO_BATCH = f"""
    WITH candidate AS (
        SELECT d.* FROM unnest(%(uploads)s::bigint[], %(most)s::bigint[]) AS share(upload_id, most)
        CROSS JOIN LATERAL (
            SELECT d.id, d.upload_id, d.sha256, d.encoded_bytes, w.usd
            FROM labeling_document d JOIN labeling_upload u ON u.id = d.upload_id {_WORST}
            WHERE {MAY_LEAVE} AND {_FITS} AND d.version_id = %(version)s AND d.way = %(way)s
                AND d.upload_id = share.upload_id
                AND (%(due)s::timestamptz IS NULL OR {COUNTS_FROM} <= %(due)s)
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
    ), shared AS (
        INSERT INTO labeling_batchshare (batch_id, upload_id, requests)
        SELECT %(batch)s, upload_id, count(*) FROM chosen GROUP BY upload_id
    )
    SELECT upload_id, count(*), max(total), max(usd) FROM chosen GROUP BY upload_id
"""

_CLAIM_URGENT = f"""
    WITH {OPEN_GATES}, candidate AS (
        SELECT d.id, d.version_id, d.sha256, t.priority, w.usd
        FROM labeling_document d
        JOIN labeling_upload u ON u.id = d.upload_id
        JOIN labeling_labelingtaskversion v ON v.id = d.version_id
        JOIN labeling_labelingtask t ON t.id = v.task_id {_WORST}
        WHERE {MAY_LEAVE} AND {_FITS} AND d.way = 'urgent' AND v.moves_to_id IS NULL
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
"""


def claimable(
    versions: Sequence[int], way: Way, *, most: int, due: datetime | None, now: datetime
) -> list[tuple[int, int, int]]:
    """What `claim_into_batch` could take now: version, upload, and how many documents, the oldest upload first.

    Of each at most `most` are counted: however many wait, no more are looked at than there is room for.
    """
    with connection.cursor() as cursor:
        cursor.execute(_CLAIMABLE, {"versions": list(versions), "way": way, "most": most, "due": due, "now": now})
        return cursor.fetchall()


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
    with connection.cursor() as cursor:
        cursor.execute(
            _CLAIM_INTO_BATCH,
            {
                **_worst({batch.version_id: worst}, most_usd),
                "version": batch.version_id,
                "batch": batch.pk,
                "way": batch.way,
                "now": now,
                "due": batch.night.due_at if batch.night else None,
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
            _CLAIM_URGENT,
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


def _worst(cases: Mapping[int, WorstCase | None], room: Decimal | None) -> dict[str, Any]:
    """The parameters of _WORST and _FITS."""
    steps = [(version_id, step) for version_id, case in cases.items() if case for step in case.steps]
    return {
        "step_versions": [version_id for version_id, _ in steps],
        "step_above": [step.above_bytes for _, step in steps],
        "step_request_usd": [step.request_usd for _, step in steps],
        "step_byte_usd": [step.byte_usd for _, step in steps],
        "room": room,
    }
