"""What every page shows around its own matter: counts, the next submission, whether sending is paused."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from labeling import nights
from labeling.configuration import Configuration
from labeling.states import BatchState


@dataclass(frozen=True, slots=True)
class Shell:
    batches_open: int
    decisions: int
    waiting: int
    next_due: datetime
    paused: bool


_AROUND = """
    SELECT
        (SELECT count(*) FROM labeling_batch WHERE state = ANY(%s)),
        (SELECT count(*) FROM (
            SELECT FROM labeling_failuretally f JOIN labeling_labelingtaskversion v ON v.id = f.version_id
            GROUP BY v.task_id, f.failure_reason HAVING sum(f.documents) > 0) AS cause),
        (SELECT COALESCE(sum(documents), 0) FROM labeling_documenttally WHERE state = 'queued'),
        EXISTS (SELECT FROM labeling_gate WHERE task_id IS NULL AND closed_at IS NOT NULL)
"""


def shell(settings: Configuration, now: datetime) -> Shell:
    """One small statement, whatever the number of documents: it goes with every page."""
    with connection.cursor() as cursor:
        cursor.execute(_AROUND, [list(BatchState.open())])
        batches_open, causes, waiting, paused = cursor.fetchone()
    _, next_due = nights.next_due(now, settings.night, settings.zone)
    return Shell(batches_open, causes, int(waiting), next_due, paused)
