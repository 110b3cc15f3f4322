"""Why it waits: one reason of the closed list for every queued document, the same on every page and in `status`.

A document that nothing holds back has no reason: it leaves with the next tick.
"""

from datetime import datetime

from django.db import connection
from django.utils import timezone

from labeling import counts
from labeling.configuration import Configuration
from labeling.models import Batch
from labeling.states import WaitingReason

_REASONS = """
    SELECT CASE
        WHEN u.state NOT IN ('ready', 'done') THEN 'importing'
        WHEN everything.closed_at IS NOT NULL THEN 'paused'
        WHEN own.closed_at IS NOT NULL THEN
            CASE own.kind WHEN 'person' THEN 'held' WHEN 'canary' THEN 'canary' ELSE 'paused' END
        WHEN d.leader_id IS NOT NULL THEN 'copy'
        WHEN d.way <> 'urgent' AND d.version_id = ANY(%(unproved)s) THEN 'canary'
        WHEN d.not_before > %(now)s THEN 'back_off'
        WHEN d.way = 'urgent' AND %(urgent_waits)s THEN 'retry_after'
        WHEN d.way <> 'urgent' AND %(queue_is_full)s THEN 'queue_full'
        WHEN d.way = 'tonight' AND COALESCE(d.queued_at, u.counts_from) > %(last_due)s THEN 'tonight'
        ELSE '' END AS why, count(*)
    FROM labeling_document d
    JOIN labeling_upload u ON u.id = d.upload_id
    JOIN labeling_labelingtaskversion v ON v.id = d.version_id
    LEFT JOIN labeling_gate everything ON everything.task_id IS NULL
    LEFT JOIN labeling_gate own ON own.task_id = v.task_id
    WHERE d.state = 'queued' AND (%(upload)s::bigint IS NULL OR d.upload_id = %(upload)s)
    GROUP BY why
"""


def reasons(
    settings: Configuration, *, last_due: datetime, urgent_waits: bool, upload_id: int | None = None
) -> dict[WaitingReason | None, int]:
    """Queued documents by reason, of everything or of one upload; None: leaves with the next tick.

    `last_due` is the instant of the night that was due last.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _REASONS,
            {
                "now": timezone.now(),
                "last_due": last_due,
                "urgent_waits": urgent_waits,
                "queue_is_full": Batch.objects.requests_in_queue() >= settings.queue_limit,
                "upload": upload_id,
                "unproved": list(counts.unproved_versions(timezone.now())) if settings.canary else [],
            },
        )
        return {WaitingReason(reason) if reason else None: int(count) for reason, count in cursor.fetchall()}
