"""How often answers equal gold, by version: over the newest labeled documents that have a gold label."""

from collections.abc import Iterable

from django.core.cache import cache
from django.db import connection, transaction

from labeling.models import LabelingTask, Upload
from labeling.reports.trying import Score
from labeling.states import Kind, UploadKind

UPLOADS, OF_EACH = 5, 400
"""A sample that is the same work for a thousand documents and for a million."""

KEEP = 60
"""Seconds for which a sample is remembered."""

_SAMPLE = """
    SELECT r.version_id, count(*), count(*) FILTER (WHERE lower(t.gold_label) = lower(s.answer))
    FROM unnest(%(uploads)s::bigint[]) AS u(id)
    CROSS JOIN LATERAL (
        SELECT d.id, d.result_id FROM (
            SELECT id, result_id, state FROM labeling_document WHERE upload_id = u.id ORDER BY id DESC LIMIT %(each)s
        ) AS d WHERE d.state = 'labeled'
    ) AS d
    JOIN labeling_documenttext t ON t.document_id = d.id AND t.gold_label <> ''
    JOIN labeling_request r ON r.id = d.result_id
    JOIN labeling_result s ON s.request_id = r.id
    GROUP BY r.version_id
"""


def scores(task: LabelingTask) -> dict[int, Score]:
    """By version id. Absent: versions without a labeled gold document, and every task that does not classify."""
    if task.version_in_use is None or task.version_in_use.kind != Kind.CLASSIFY:
        return {}
    found: dict[int, Score] | None = cache.get(f"gold:{task.pk}")
    if found is None:
        found = _sampled(task)
        cache.set(f"gold:{task.pk}", found, KEEP)
    return found


def scores_in_use(tasks: Iterable[LabelingTask]) -> dict[int, Score]:
    """By task id, of the version in use."""
    by_task = {task.pk: scores(task).get(task.version_in_use_id or 0) for task in tasks}
    return {task_id: score for task_id, score in by_task.items() if score}


def _sampled(task: LabelingTask) -> dict[int, Score]:
    uploads = Upload.objects.filter(version__task=task, accepted__gt=0).order_by("-pk")
    with_gold = uploads.filter(kind=UploadKind.FILE).exclude(inspection__gold_column=None)
    tried = uploads.filter(kind=UploadKind.TRIAL)
    ids = [*with_gold.values_list("pk", flat=True)[:UPLOADS], *tried.values_list("pk", flat=True)[:UPLOADS]]
    if not ids:
        return {}
    with transaction.atomic(), connection.cursor() as cursor:
        # Compiling the plan takes PostgreSQL longer than running it.
        cursor.execute("SET LOCAL jit = off")
        cursor.execute(_SAMPLE, {"uploads": ids, "each": OF_EACH})
        return {version_id: Score(int(equal), int(n)) for version_id, n, equal in cursor.fetchall()}
