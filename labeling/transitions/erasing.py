"""The words of documents go; their rows, counts and money stay.

Results that come in, and trials that copy texts, take the lock of erasing shared, and whoever erases takes it alone:
what they bring is either there to be erased, or they see that its document was. What was tried with a text goes with
it, wherever it stands by then. What a living copy of the same text still shows stays with it.
"""

from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.db.models import F
from django.utils import timezone

from labeling.models import Batch, Document, DocumentTally, Erasure, RefusedRow, Request, Upload
from labeling.states import BatchState, DocumentState, UploadState

from . import batches, holds, withdrawing
from .requests import release_unsent


def stop(upload: Upload, *, by: str) -> None:
    """Nothing of the upload leaves from now on. What is wholly done stays done: its counts are history."""
    now = timezone.now()
    waits = Upload.objects.filter(pk=upload.pk, state__in=(UploadState.RECEIVED, UploadState.CHECKED))
    waits.update(state=UploadState.DISCARDED)
    importing = Upload.objects.filter(pk=upload.pk, state=UploadState.IMPORTING)
    importing.update(state=UploadState.WITHDRAWN, withdrawn_at=now, withdrawn_by=by, sweep_due=True, lease_until=None)
    upload.refresh_from_db()
    open_states = (DocumentState.QUEUED, DocumentState.BATCHED)
    open_ones = sum(
        DocumentTally.objects.filter(upload=upload, state__in=open_states).values_list("documents", flat=True)
    )
    if upload.state == UploadState.READY or open_ones:
        withdrawing.withdraw_upload(upload, by=by)


def erase(erasure: Erasure, documents: Sequence[int], *, by: str, zone: str) -> list[int]:
    """One portion, in the caller's transaction and under the lock; returns what was erased, what was tried included."""
    with connection.cursor() as cursor:
        cursor.execute(_WITH_TWINS, {"ids": list(documents)})
        place: dict[str, Any] = {"ids": [row[0] for row in cursor.fetchall()], "erasure": erasure.pk}
        _take_back(place["ids"], by=by, zone=zone)
        cursor.execute(_MARK, place)
        erased = int(cursor.rowcount)
        for statement in (_ANSWERS, _LINES, _STRAYS, _CUSTOM_IDS, _TEXTS, _PROOFS, _HASHES, *_HAND_OVER):
            cursor.execute(statement, place)
    Erasure.objects.filter(pk=erasure.pk).update(documents=F("documents") + erased)
    return list(place["ids"])


def _take_back(documents: Sequence[int], *, by: str, zone: str) -> None:
    """What waits is withdrawn, what is in flight is marked, and batches that were not sent yet are taken apart.

    The labeled ones were delivered, and stay counted as that.
    """
    holds.wait_for_claims()
    wanted = Document.objects.filter(pk__in=documents, erasure=None).exclude(state=DocumentState.LABELED)
    withdrawing.withdraw(wanted, zone=zone)
    inside = Request.objects.filter(document__in=documents, outcome="open", batch__state=BatchState.BUILDING)
    for batch in Batch.objects.filter(pk__in=inside.values("batch")).select_related("version__task"):
        why = "documents of it were erased before it was sent"
        if batches.move(batch, BatchState.BUILDING, BatchState.REJECTED, by=by, why=why):
            release_unsent(batch=batch)


def hand_over(erasure: Erasure) -> None:
    """Copies of what was in flight have followed its result by now; the oldest of them leads."""
    ids = list(Document.objects.filter(erasure=erasure, copies__isnull=False).values_list("pk", flat=True).distinct())
    with connection.cursor() as cursor:
        for statement in _HAND_OVER:
            cursor.execute(statement, {"ids": ids})


def erase_refused_rows(upload: Upload, most: int) -> int:
    rows = RefusedRow.objects.filter(upload=upload).exclude(raw="", sentence="")
    return RefusedRow.objects.filter(pk__in=list(rows.values_list("pk", flat=True)[:most])).update(raw="", sentence="")


def erase_upload_row(upload: Upload) -> None:
    """What its row says of the content: columns, preview, warnings, and the hash of the file. Its name stays there, so
    that people know which file it was; what was told of it to others forgets it."""
    with connection.cursor() as cursor:
        cursor.execute(_NOTICES, [f"U-{upload.pk}@%"])
        cursor.execute(
            f"""
            UPDATE labeling_upload SET options = '{{}}', inspection = '{{}}', error = '',
                sha256 = encode({_RANDOM}, 'hex')
            WHERE id = %s
            """,
            [upload.pk],
        )


_RANDOM = "decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex')"

# The same text of the same task in uploads of kind trial was copied from these documents.
_WITH_TWINS = """
    WITH chosen AS (
        SELECT d.id, d.sha256, v.task_id FROM labeling_document d
        JOIN labeling_labelingtaskversion v ON v.id = d.version_id
        WHERE d.id = ANY(%(ids)s) AND d.erasure_id IS NULL
    )
    SELECT id FROM chosen
    UNION
    SELECT t.id FROM chosen c
    JOIN labeling_labelingtaskversion v ON v.task_id = c.task_id
    JOIN labeling_upload u ON u.version_id = v.id AND u.kind = 'trial'
    JOIN labeling_document t ON t.upload_id = u.id AND t.sha256 = c.sha256 AND t.erasure_id IS NULL
"""

_MARK = "UPDATE labeling_document SET erasure_id = %(erasure)s WHERE id = ANY(%(ids)s) AND erasure_id IS NULL"

# Shown by a living document of the same family: its own words still have it.
_ANSWERS = """
    WITH family AS (
        SELECT id, leader_id FROM labeling_document WHERE id = ANY(%(ids)s)
    ), leads AS (
        SELECT id FROM family WHERE leader_id IS NULL UNION SELECT leader_id FROM family WHERE leader_id IS NOT NULL
    ), shown AS (
        SELECT m.result_id FROM labeling_document m JOIN leads ON m.id = leads.id
        WHERE m.erasure_id IS NULL AND m.result_id IS NOT NULL
        UNION
        SELECT m.result_id FROM labeling_document m JOIN leads ON m.leader_id = leads.id
        WHERE m.erasure_id IS NULL AND m.result_id IS NOT NULL
    ), gone AS (
        SELECT r.id FROM labeling_request r WHERE r.document_id = ANY(%(ids)s)
        UNION
        SELECT d.result_id FROM labeling_document d
        JOIN labeling_request r ON r.id = d.result_id
        JOIN labeling_document owner ON owner.id = r.document_id AND owner.erasure_id IS NOT NULL
        WHERE d.id = ANY(%(ids)s)
    )
    UPDATE labeling_result s SET answer = ''
    FROM gone WHERE s.request_id = gone.id AND s.answer <> '' AND gone.id NOT IN (SELECT result_id FROM shown)
"""

_LINES = """
    DELETE FROM labeling_resultline l USING labeling_request r
    WHERE l.request_id = r.id AND r.document_id = ANY(%(ids)s)
"""

# A line that was kept aside names its document in its custom_id.
_STRAYS = """
    UPDATE labeling_strayline SET line = ''
    WHERE line <> '' AND split_part(
        COALESCE(NULLIF(custom_id, ''), substring(line FROM '"custom_id"\\s*:\\s*"([^"]*)"')), '-', 3
    ) = ANY(SELECT id::text FROM unnest(%(ids)s::bigint[]) AS id)
"""

# The last part of a custom_id is the beginning of the text's hash, by which a text could be guessed.
_CUSTOM_IDS = """
    UPDATE labeling_request SET custom_id = regexp_replace(custom_id, '-[0-9a-f]{8}$', '-00000000')
    WHERE document_id = ANY(%(ids)s)
"""

_TEXTS = "DELETE FROM labeling_documenttext WHERE document_id = ANY(%(ids)s)"

# What was proved of their batches cannot be rebuilt any more; a worker finds that and says so.
_PROOFS = """
    UPDATE labeling_batch SET proof = 'due' WHERE proof IN ('equal', 'different') AND id IN (
        SELECT batch_id FROM labeling_request WHERE document_id = ANY(%(ids)s))
"""

_HASHES = f"UPDATE labeling_document SET sha256 = {_RANDOM} WHERE id = ANY(%(ids)s)"

_NOTICES = """
    UPDATE labeling_notice SET body = jsonb_set(body::jsonb, '{data,file_name}', '""')::text
    WHERE kind = 'upload' AND subject LIKE %s
"""

_PAIRS = """
    SELECT DISTINCT ON (c.leader_id) c.id AS heir, c.leader_id AS old
    FROM labeling_document c JOIN labeling_document l ON l.id = c.leader_id
    WHERE l.id = ANY(%(ids)s) AND l.state <> 'batched' AND c.erasure_id IS NULL ORDER BY c.leader_id, c.id
"""

_HAND_OVER = (
    f"""
    UPDATE labeling_document d SET leader_id = NULLIF(p.heir, d.id)
    FROM ({_PAIRS}) p WHERE d.leader_id = p.old AND d.erasure_id IS NULL
    """,
    "UPDATE labeling_document SET leader_id = NULL WHERE id = ANY(%(ids)s) AND leader_id IS NOT NULL",
)
