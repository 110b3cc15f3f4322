"""Documents that are there already -> an Upload of kind trial under a version, sent in real time.

Its documents are documents like any other: they are in the book, their answers are paid once, and when the
version is put in use what moves to it becomes their copies.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from labeling import activity
from labeling.files import Row
from labeling.models import DocumentText, LabelingTaskVersion, Upload
from labeling.states import UploadKind, UploadState, Way
from labeling.transitions import uploads
from labeling.transitions.imports import incoming, store_rows
from labeling.transitions.locking import lock_erasing_shared, lock_tasks_of_versions

MOST = 100
"""Documents that one trial may have."""


class NotTried(Exception):
    """Nothing was sent; the message is a sentence for a person."""


def try_on_documents(version: LabelingTaskVersion, document_ids: Sequence[int], *, seen: str, by: Any) -> Upload:
    """The texts of these documents, with their ids and gold labels, under the version. Raises NotTried."""
    with transaction.atomic():
        lock_erasing_shared()
        texts = DocumentText.objects.filter(pk__in=list(document_ids)[:MOST]).exclude(text="").order_by("pk")
        found = [(row.pk, Row(n, n, row.text, row.external_id, row.gold_label, {})) for n, row in enumerate(texts, 1)]
        if not found:
            raise NotTried("There is no document to try it on.")
        return _send(version, [row for _, row in found], [pk for pk, _ in found], seen, by)


def try_on_text(version: LabelingTaskVersion, text: str, *, seen: str, by: Any) -> Upload:
    """One text that a person wrote. Raises NotTried."""
    if not text.strip() or "\0" in text:
        raise NotTried("Write a text to try it on.")
    return _send(version, [Row(1, 1, text, "", "", {})], [], seen, by)


def _send(version: LabelingTaskVersion, rows: Sequence[Row], originals: Sequence[int], seen: str, by: Any) -> Upload:
    """In one transaction: from its first document on, the words of the version are frozen."""
    digest = hashlib.sha256("\0".join(row.text for row in rows).encode()).hexdigest()
    with transaction.atomic():
        lock_tasks_of_versions([version.pk])
        now = timezone.now()
        current = LabelingTaskVersion.objects.select_related("task").filter(pk=version.pk).first()
        if current is None or current.stamp != seen:
            raise NotTried("The draft was saved again or discarded meanwhile; look at it and try it then.")
        upload = Upload.objects.create(
            version=current,
            kind=UploadKind.TRIAL,
            state=UploadState.IMPORTING,
            way=Way.URGENT,
            file_name=f"v{current.number} of {current.task.slug} tried",
            sha256=digest,
            size_bytes=sum(len(row.text.encode()) for row in rows),
            options={"originals": list(originals)},
            created_by=by if hasattr(by, "get_username") else None,
            confirmed_at=now,
        )
        store_rows(upload, [incoming(row) for row in rows], [])
        uploads.move(upload, UploadState.IMPORTING, UploadState.READY, ready_at=now, counts_from=now, lease_until=None)
        noun = "document" if len(rows) == 1 else "documents"
        activity.record(by, f"Tries {current} on {len(rows)} {noun}", f"U-{upload.pk}")
    return upload
