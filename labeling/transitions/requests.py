"""What happens to requests that brought no answer, and to the documents that they carried."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import connection, transaction

from labeling.messages import custom_ids
from labeling.models import Batch
from labeling.states import DocumentState, FailureReason, Outcome

from .copies import follow_leaders, let_heirs_take_over


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
    share_out(batch, twin)


def share_out(*batches: Batch) -> None:
    """Notes anew which uploads these batches carry, and how much of each."""
    with connection.cursor() as cursor:
        ids = [batch.pk for batch in batches]
        cursor.execute("DELETE FROM labeling_batchshare WHERE batch_id = ANY(%s)", [ids])
        cursor.execute(
            """
            INSERT INTO labeling_batchshare (batch_id, upload_id, requests)
            SELECT r.batch_id, d.upload_id, count(*)
            FROM labeling_request r JOIN labeling_document d ON d.id = r.document_id
            WHERE r.batch_id = ANY(%s) GROUP BY r.batch_id, d.upload_id
            """,
            [ids],
        )
