"""How the labels of a task were spread in the seven nights before an upload, so that a change is seen at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.core.cache import cache
from django.db import connection

from labeling.models import Upload

NIGHTS = timedelta(days=7)
MOST_UPLOADS = 30
OF_EACH = 1_000
ENOUGH = 100
KEEP = 3600

_SPREAD = """
    SELECT r.answer, count(*)
    FROM (
        SELECT u.id FROM labeling_upload u JOIN labeling_labelingtaskversion v ON v.id = u.version_id
        WHERE v.task_id = %(task)s AND u.kind = 'file' AND u.id <> %(upload)s
            AND u.ready_at >= %(since)s AND u.ready_at < %(until)s
        ORDER BY u.id DESC LIMIT %(uploads)s
    ) recent
    CROSS JOIN LATERAL (
        SELECT d.result_id FROM labeling_document d
        WHERE d.upload_id = recent.id AND d.state = 'labeled' LIMIT %(each)s
    ) d
    JOIN labeling_result r ON r.request_id = d.result_id
    GROUP BY r.answer
"""


@dataclass(frozen=True, slots=True)
class UsualLabels:
    """Labels of the uploads before: at most a thousand of each, so that large ones do not drown the others."""

    labels: int
    by_label: Mapping[str, int]

    def change(self, label: str, share: Decimal) -> Decimal:
        """Percentage points above the usual share of a label; `share` in percent."""
        return share - Decimal(100 * self.by_label.get(label, 0)) / self.labels


def usual_labels(upload: Upload) -> UsualLabels | None:
    """None where there were too few to compare with. Asked of the rows once an hour at most."""
    if upload.ready_at is None:
        return None
    place: dict[str, int | datetime] = {
        "task": upload.version.task_id,
        "upload": upload.pk,
        "since": upload.ready_at - NIGHTS,
        "until": upload.ready_at,
        "uploads": MOST_UPLOADS,
        "each": OF_EACH,
    }
    found: dict[str, int] = cache.get_or_set(f"usual-labels:{upload.pk}", lambda: _spread(place), KEEP) or {}
    total = sum(found.values())
    return UsualLabels(total, found) if total >= ENOUGH else None


def _spread(place: Mapping[str, int | datetime]) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(_SPREAD, place)
        return dict(cursor.fetchall())
