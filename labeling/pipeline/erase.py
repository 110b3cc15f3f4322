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
from labeling.models import Document, Erasure, LabelingTask, SelectedDocument, Selection, Upload
from labeling.querysets import DocumentQuerySet
from labeling.retention import due
from labeling.states import DocumentState, ErasureKind, UploadState, Work
from labeling.transitions import erasing, selections
from labeling.transitions.locking import lock_erasing_alone
from labeling.transitions.unfinished import counted

PORTION = 2_000
MOST_DOCUMENTS = 1_000
"""So many documents without their upload go at once, while a person waits; more go with a worker."""

MOST_UPLOADS_AT_ONCE = 50
RUN = timedelta(minutes=5)


class NotErased(Exception):
    """It cannot be erased like this; the message is a sentence for a person."""


def erase_upload(upload: Upload, *, by: Any, reason: str, kind: ErasureKind = ErasureKind.PERSON) -> Erasure:
    """Nothing of it leaves any more when this returns; its words follow. Raises NotErased for who comes second."""
    name = activity.name_of(by)
    with transaction.atomic():
        # Without a join: what another committed while we waited is in the row, and not in what was joined before.
        upload = Upload.objects.select_for_update(no_key=True).get(pk=upload.pk)
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
    """A few without their upload: erased when this returns. Raises NotErased for none and for too many."""
    ids = list(documents.filter(erasure=None).values_list("pk", flat=True)[: MOST_DOCUMENTS + 1])
    if not ids:
        raise NotErased("None of these documents is there, or they were erased before.")
    if len(ids) > MOST_DOCUMENTS:
        raise NotErased(f"More than {MOST_DOCUMENTS:,} documents are too many for one act: erase a selection of them.")
    return erase_selection(
        selections.note(Selection(title="named one by one", created_by=activity.name_of(by)), ids),
        settings,
        by=by,
        reason=reason,
        with_copies=with_copies,
    )


def erase_selection(
    selection: Selection, settings: Configuration, *, by: Any, reason: str, with_copies: bool = False
) -> Erasure:
    """What a person chose: a few are erased when this returns, many by a worker. Raises NotErased for who is second."""
    with transaction.atomic():
        selection = Selection.objects.select_for_update().get(pk=selection.pk)
        _require_erasable(selection)
        erasure = Erasure.objects.create(
            kind=ErasureKind.PERSON,
            selection=selection,
            with_copies=with_copies,
            asked_at=timezone.now(),
            asked_by=activity.name_of(by),
            reason=reason[:200],
        )
        first = SelectedDocument.objects.filter(selection=selection).order_by("document").first()
        one, many = f"{first}", f"{selection.documents:,} documents, {first} the first"
        activity.record(by, f"Erases {one if selection.documents == 1 else many}: {reason}", one)
        faults.reach("erase: asked")
    if selection.documents <= MOST_DOCUMENTS:
        carry_out_one(erasure, settings)
    return erasure


def carry_out_one(erasure: Erasure, settings: Configuration) -> None:
    """To its end, but for what is in flight."""
    while _portion(erasure, settings):
        pass
    erasure.refresh_from_db()


def carry_out(settings: Configuration, *, until: datetime) -> int:
    """Portion after portion of everything that is asked for; returns how many acts were finished."""
    finished = 0
    with only_one("erase") as held:
        for erasure in Erasure.objects.filter(done_at=None).select_related("upload").order_by("pk") if held else ():
            with counted(Work.ERASURE, erasure.pk) as may_try:
                while may_try and timezone.now() < until and _portion(erasure, settings):
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
    """One step; False when there is nothing left to do now."""
    upload = erasure.upload
    with transaction.atomic():
        lock_erasing_alone()
        erasure = Erasure.objects.select_for_update().get(pk=erasure.pk)
        if ids := _next_ids(erasure):
            _erase(erasure, _with_copies(ids) if erasure.with_copies else ids, settings)
            Erasure.objects.filter(pk=erasure.pk).update(last_document=ids[-1])
            faults.reach("erase: erasing")
            return True
        if upload is not None:
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


def _next_ids(erasure: Erasure) -> list[int]:
    if erasure.upload_id:
        of_upload = Document.objects.filter(upload=erasure.upload_id, pk__gt=erasure.last_document)
        return list(of_upload.order_by("pk").values_list("pk", flat=True)[:PORTION])
    chosen = SelectedDocument.objects.filter(selection=erasure.selection_id, document__gt=erasure.last_document)
    return list(chosen.order_by("document").values_list("document_id", flat=True)[:PORTION])


def _with_copies(ids: Sequence[int]) -> list[int]:
    """These and the others with the same texts, but for what is still being imported."""
    leaders = [leader or pk for pk, leader in Document.objects.filter(pk__in=ids).values_list("pk", "leader_id")]
    family = Document.objects.filter(erasure=None).exclude(upload__state=UploadState.IMPORTING)
    led = family.filter(leader__in=leaders).values_list("pk", flat=True)
    leading = family.filter(pk__in=leaders).values_list("pk", flat=True)
    return sorted({*ids, *led, *leading})


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


def _require_erasable(selection: Selection) -> None:
    if selection.frozen_at is None:
        raise NotErased("The documents are still being noted.")
    if first := selection.erasures.first():
        raise NotErased(f"{first.asked_by} asked for it before: {first.reason}")
    chosen = Document.objects.filter(selecteddocument__selection=selection)
    if not chosen.filter(erasure=None).exists():
        raise NotErased("They were erased before.")
    if chosen.filter(upload__state=UploadState.IMPORTING).exists():
        raise NotErased("An upload of theirs is still being imported: wait until it is ready, or erase the upload.")
