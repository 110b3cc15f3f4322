"""The moves of an upload."""

from collections.abc import Sequence
from typing import Any

from django.db import connection

from labeling.models import Upload
from labeling.states import DocumentState, UploadState


def move(upload: Upload, source: UploadState, target: UploadState, **fields: Any) -> bool:
    """One guarded UPDATE; True if this call moved the upload, and then the instance is up to date."""
    if not Upload.objects.filter(pk=upload.pk, state=source).update(state=target, **fields):
        return False
    upload.refresh_from_db()
    return True


def reopen(document_ids: Sequence[int]) -> int:
    """done to ready where one of these documents is queued again: it is done anew when nothing of it waits."""
    waits = Upload.objects.filter(document__in=document_ids, document__state=DocumentState.QUEUED)
    return Upload.objects.filter(pk__in=waits.values("pk"), state=UploadState.DONE).update(state=UploadState.READY)


def finish() -> int:
    """ready to done where nothing of the upload is queued or in flight any more."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE labeling_upload SET state = 'done', done_at = clock_timestamp()
            WHERE state = 'ready' AND NOT sweep_due AND id NOT IN (
                SELECT upload_id FROM labeling_documenttally
                WHERE state IN ('queued', 'batched') GROUP BY upload_id HAVING sum(documents) > 0
            )
            """
        )
        return int(cursor.rowcount)
