"""Rows of a file become documents: each chunk whole or not at all, copies found on the way.

The first document of a text under a version is its leader; the unique index decides between two
imports that race. Leaders go in ordered by hash, and are pulled along ordered by id, so that two imports
never wait for each other in a circle.
"""

import json
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, NamedTuple

import orjson
from django.db import connection, transaction

from labeling.files import JsonValue, RefusedRow, Row
from labeling.models import Upload

from .copies import let_heirs_take_over
from .locking import lock_tasks_of_versions

_CREATE_INCOMING = """
    CREATE TEMPORARY TABLE IF NOT EXISTS incoming (
        id bigint, row_number int, sha256 bytea, encoded_bytes int
    ) ON COMMIT DELETE ROWS
"""

_LEADERS = """
    INSERT INTO labeling_document (id, upload_id, version_id, row_number, sha256, encoded_bytes, way)
    SELECT id, %(upload)s, %(version)s, row_number, sha256, encoded_bytes, %(way)s
    FROM incoming ORDER BY sha256, id
    ON CONFLICT (version_id, sha256) WHERE leader_id IS NULL DO NOTHING
"""

_COPIES = """
    INSERT INTO labeling_document
        (id, upload_id, version_id, row_number, sha256, encoded_bytes, way, leader_id, state, failure_reason, result_id)
    SELECT i.id, %(upload)s, %(version)s, i.row_number, i.sha256, i.encoded_bytes, %(way)s, l.id,
        CASE WHEN 'labeled' IN (l.state, l.withdrawn_from) THEN 'labeled'
            WHEN 'failed' IN (l.state, l.withdrawn_from) THEN 'failed' ELSE 'queued' END,
        l.failure_reason, l.result_id
    FROM incoming i
    JOIN labeling_document l ON l.version_id = %(version)s AND l.sha256 = i.sha256 AND l.leader_id IS NULL
    WHERE NOT EXISTS (SELECT 1 FROM labeling_document d WHERE d.id = i.id)
"""

_PULL_LEADERS_ALONG = """
    WITH slower AS MATERIALIZED (
        SELECT l.id FROM labeling_document l
        WHERE l.version_id = %(version)s AND l.leader_id IS NULL AND l.state = 'queued'
            AND l.sha256 IN (SELECT sha256 FROM incoming)
            AND array_position(ARRAY['tonight', 'now', 'urgent'], l.way::text)
              < array_position(ARRAY['tonight', 'now', 'urgent'], %(way)s)
        ORDER BY l.id FOR UPDATE
    )
    UPDATE labeling_document l SET way = %(way)s, queued_at = now(), not_before = NULL
    FROM slower WHERE l.id = slower.id
"""

_COUNT = """
    UPDATE labeling_upload SET rows = rows + %(accepted)s + %(refused)s, accepted = accepted + %(accepted)s,
        refused = refused + %(refused)s, copies = copies + %(copies)s, lease_until = now() + interval '2 minutes'
    WHERE id = %(upload)s AND state = 'importing' AND rows = %(rows_before)s
"""


class ImportTaken(Exception):
    """Another worker imports the same upload, or it is not to be imported any more."""


class Incoming(NamedTuple):
    """A row as it is stored: what can be made without the database is made already."""

    number: int
    sha256: bytes
    encoded_bytes: int
    external_id: str
    text: str
    gold_label: str
    metadata: str


def incoming(row: Row) -> Incoming:
    digest = sha256(row.text.encode()).digest()
    return Incoming(
        row.number, digest, len(orjson.dumps(row.text)), row.external_id, row.text, row.gold_label, _json(row.metadata)
    )


def store_rows(upload: Upload, rows: Sequence[Incoming], refused: Sequence[RefusedRow]) -> None:
    """Store the next rows of an importing upload and count them, in one transaction.

    Raises ImportTaken, and stores nothing, if the upload moved on since `upload` was read.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        lock_tasks_of_versions([upload.version_id])
        # Its documents may have moved to another version meanwhile; the rest follows them.
        upload.refresh_from_db(fields=["version"])
        ids = _reserve_ids(len(rows))
        _copy_rows(cursor, ids, rows)
        _copy_refused(cursor, upload, refused)
        place: dict[str, Any] = {"upload": upload.pk, "version": upload.version_id, "way": upload.way}
        cursor.execute(_LEADERS, place)
        copies = len(rows) - cursor.rowcount
        if copies:
            cursor.execute(_COPIES, place)
            let_heirs_take_over()
            cursor.execute(_PULL_LEADERS_ALONG, place)
        counts: dict[str, Any] = {
            "accepted": len(rows),
            "refused": len(refused),
            "copies": copies,
            "rows_before": upload.rows,
        }
        cursor.execute(_COUNT, place | counts)
        if not cursor.rowcount:
            raise ImportTaken(f"upload {upload.pk} moved on")
    upload.rows += len(rows) + len(refused)


def _copy_rows(cursor: Any, ids: Sequence[int], rows: Sequence[Incoming]) -> None:
    """Texts go straight into their table; what decides about leaders and copies goes into one that is soon empty."""
    cursor.execute(_CREATE_INCOMING)
    cursor.execute("DELETE FROM incoming")
    with cursor.copy("COPY incoming (id, row_number, sha256, encoded_bytes) FROM STDIN") as copy:
        for document_id, row in zip(ids, rows, strict=True):
            copy.write_row((document_id, row.number, row.sha256, row.encoded_bytes))
    into_texts = "COPY labeling_documenttext (document_id, external_id, text, gold_label, metadata) FROM STDIN"
    with cursor.copy(into_texts) as copy:
        for document_id, row in zip(ids, rows, strict=True):
            copy.write_row((document_id, row.external_id, row.text, row.gold_label, row.metadata))


def _copy_refused(cursor: Any, upload: Upload, refused: Sequence[RefusedRow]) -> None:
    columns = "upload_id, row_number, line_number, reason, sentence, raw"
    with cursor.copy(f"COPY labeling_refusedrow ({columns}) FROM STDIN") as copy:
        for row in refused:
            copy.write_row((upload.pk, row.number, row.line_number, row.reason.value, row.sentence, row.raw))


def _json(metadata: dict[str, JsonValue]) -> str:
    """Integers beyond 64 bits are data too; only the standard library writes them."""
    if not metadata:
        return "{}"
    try:
        return orjson.dumps(metadata).decode()
    except TypeError:
        return json.dumps(metadata, ensure_ascii=False)


def _reserve_ids(count: int) -> list[int]:
    """Ids in the order of the file, so that the order of ids is the order of import."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('labeling_document_id_seq') FROM generate_series(1, %s)", [count])
        return [row[0] for row in cursor.fetchall()]


def follow_settled_leaders() -> int:
    """Copies that came in while their leader was being settled: labeled or failed with it, late."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE labeling_document c
            SET state = CASE l.state WHEN 'withdrawn' THEN l.withdrawn_from ELSE l.state END,
                result_id = l.result_id, failure_reason = l.failure_reason
            FROM labeling_document l
            WHERE c.leader_id = l.id AND c.state = 'queued'
                AND (l.state IN ('labeled', 'failed') OR l.withdrawn_from = 'labeled')
            """
        )
        return int(cursor.rowcount)
