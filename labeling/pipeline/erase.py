"""Document -> without its words: an admin asks, or the retention of its task does; a worker carries it out.

What must not leave any more is stopped before the request returns. The words go in portions, each a transaction
of its own, and a worker that dies is followed by one that goes on. What is in flight is booked when its result
comes, without its words.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from labeling import activity, faults, store
from labeling.configuration import Configuration
from labeling.locks import only_one
from labeling.models import Document, Erasure, LabelingTask, Upload
from labeling.querysets import DocumentQuerySet
from labeling.retention import due
from labeling.states import DocumentState, ErasureKind, UploadState
from labeling.transitions import erasing
from labeling.transitions.locking import lock_erasing_alone

PORTION = 2_000
MOST_DOCUMENTS = 1_000
"""Documents that are erased by one act without their upload: they go at once, while a person waits."""

MOST_UPLOADS_AT_ONCE = 50
RUN = timedelta(minutes=5)


class NotErased(Exception):
    """It cannot be erased like this; the message is a sentence for a person."""


def erase_upload(upload: Upload, *, by: Any, reason: str, kind: ErasureKind = ErasureKind.PERSON) -> Erasure:
    """Nothing of it leaves any more when this returns; its words follow. Raises NotErased for who comes second."""
    name = activity.name_of(by)
    with transaction.atomic():
        upload = Upload.objects.select_for_update(of=("self",)).select_related("erasure").get(pk=upload.pk)
        if upload.erasure:
            raise NotErased(f"{upload.erasure.asked_by} asked for it before: {upload.erasure.reason}")
        erasing.stop(upload, by=name)
        erasure = Erasure.objects.create(
            kind=kind, upload=upload, asked_at=timezone.now(), asked_by=name[:150], reason=reason[:200]
        )
        Upload.objects.filter(pk=upload.pk).update(erasure=erasure)
        activity.record(by, f"Erases {upload.file_name} with {upload.accepted:,} documents: {reason}", f"U-{upload.pk}")
        faults.reach("erase: asked")
    return erasure


def erase_documents(
    documents: DocumentQuerySet, settings: Configuration, *, by: Any, reason: str, with_copies: bool = False
) -> Erasure:
    """Erased when this returns. Raises NotErased for none and for too many."""
    with transaction.atomic():
        lock_erasing_alone()
        ids = _chosen(documents, with_copies)
        if not ids:
            raise NotErased("None of these documents is there, or they were erased before.")
        if Upload.objects.filter(document__in=ids, state=UploadState.IMPORTING).exists():
            raise NotErased("Their upload is still being imported: wait until it is ready, or erase the upload.")
        if len(ids) > MOST_DOCUMENTS:
            raise NotErased(f"{len(ids):,} documents are too many for one act: erase their uploads.")
        erasure = Erasure.objects.create(
            kind=ErasureKind.PERSON, asked_at=timezone.now(), asked_by=activity.name_of(by), reason=reason[:200]
        )
        _erase(erasure, ids, settings)
        _finish_if_settled(erasure, timezone.now())
        words = f"D-{ids[0]}" if len(ids) == 1 else f"{len(ids):,} documents, D-{ids[0]} the first"
        activity.record(by, f"Erased {words}: {reason}", f"D-{ids[0]}")
    return erasure


def carry_out(settings: Configuration, *, until: datetime) -> int:
    """Portion after portion of everything that is asked for; returns how many acts were finished."""
    finished = 0
    with only_one("erase") as held:
        for erasure in Erasure.objects.filter(done_at=None).select_related("upload").order_by("pk") if held else ():
            while timezone.now() < until and _portion(erasure, settings):
                faults.reach("erase: portion done")
            erasure.refresh_from_db()
            finished += erasure.done_at is not None
    return finished


def ask_for_what_is_old(settings: Configuration, now: datetime) -> int:
    """Uploads of tasks with a retention whose days are over; a bounded number at once, the next look goes on."""
    asked = 0
    for task in LabelingTask.objects.exclude(retention_days=None):
        for upload in due(task, now)[: MOST_UPLOADS_AT_ONCE - asked]:
            try:
                erase_upload(
                    upload,
                    by="retention",
                    reason=f"{task.name} keeps texts for {task.retention_days} days",
                    kind=ErasureKind.RETENTION,
                )
            except NotErased:
                continue
            asked += 1
    return asked


def set_retention(task: LabelingTask, days: int | None, *, by: Any) -> bool:
    """How long the task keeps words; None: for ever. False if it was so already."""
    with transaction.atomic():
        locked = LabelingTask.objects.select_for_update().get(pk=task.pk)
        changed = locked.retention_days != days
        if changed:
            LabelingTask.objects.filter(pk=task.pk).update(retention_days=days)
            words = "for ever" if days is None else f"for {days} days"
            activity.record(by, f"{task} keeps texts {words}", f"task:{task.slug}")
    return changed


def _portion(erasure: Erasure, settings: Configuration) -> bool:
    """One step of an upload's erasure; False when there is nothing left to do now."""
    upload = erasure.upload
    with transaction.atomic():
        lock_erasing_alone()
        erasure = Erasure.objects.select_for_update().get(pk=erasure.pk)
        if upload is not None:
            of_upload = Document.objects.filter(upload=upload, pk__gt=erasure.last_document).order_by("pk")
            if ids := list(of_upload.values_list("pk", flat=True)[:PORTION]):
                _erase(erasure, ids, settings)
                Erasure.objects.filter(pk=erasure.pk).update(last_document=ids[-1])
                faults.reach("erase: erasing")
                return True
            if erasing.erase_refused_rows(upload, PORTION):
                return True
            upload.refresh_from_db()
            if upload.inspection or upload.options or _file_is_there(upload):
                _remove_file(upload)
                faults.reach("erase: file removed")
                erasing.erase_upload_row(upload)
                return True
        _finish_if_settled(erasure, timezone.now())
    return False


def _erase(erasure: Erasure, ids: Sequence[int], settings: Configuration) -> None:
    """Of these documents, and of the uploads that are not erased as a whole what else has their words."""
    erased = erasing.erase(erasure, ids, by=erasure.asked_by, zone=settings.time_zone)
    for upload in Upload.objects.filter(document__in=erased, erasure=None).distinct():
        _forget_file(upload)


def _finish_if_settled(erasure: Erasure, now: datetime) -> None:
    """Done when nothing of it is in flight any more; copies of what was then have somebody to follow."""
    if Document.objects.filter(erasure=erasure, state=DocumentState.BATCHED).exists():
        return
    erasing.hand_over(erasure)
    Erasure.objects.filter(pk=erasure.pk).update(done_at=now)


def _file_is_there(upload: Upload) -> bool:
    return store.upload_path(upload.sha256).exists() and not _is_used_elsewhere(upload)


def _remove_file(upload: Upload) -> None:
    """Before the row forgets its name, so that whoever dies in between leaves nothing behind."""
    if not _is_used_elsewhere(upload):
        store.upload_path(upload.sha256).unlink(missing_ok=True)


def _forget_file(upload: Upload) -> None:
    """The file, and the first rows that its row remembers, have the erased words too; it is imported already."""
    _remove_file(upload)
    shown = {"preview": [], "warnings": [], "header_text": ""}
    Upload.objects.filter(pk=upload.pk).update(inspection={**upload.inspection, **shown}, sha256=secrets.token_hex(32))


def _is_used_elsewhere(upload: Upload) -> bool:
    return Upload.objects.filter(sha256=upload.sha256).exclude(pk=upload.pk).exists()


def _chosen(documents: DocumentQuerySet, with_copies: bool) -> list[int]:
    chosen = list(documents.filter(erasure=None).values_list("pk", "leader_id"))
    ids = {pk for pk, _ in chosen}
    if with_copies and ids:
        leaders = [leader or pk for pk, leader in chosen]
        family = Document.objects.filter(erasure=None)
        ids |= set(family.filter(pk__in=leaders).values_list("pk", flat=True))
        ids |= set(family.filter(leader__in=leaders).values_list("pk", flat=True))
    return sorted(ids)
