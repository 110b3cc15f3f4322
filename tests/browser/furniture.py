"""A house with something on every page, in every state that a page has, and all of it in hostile words."""

import csv
import io
from contextlib import suppress
from datetime import timedelta

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from labeling import activity, ledger
from labeling.files import FileRefused, ReadOptions
from labeling.models import Batch, Document, LabelingTaskVersion, Night, Selection, Upload
from labeling.pipeline import bulk, decide, erase, hold, ingest, intake, send_now, settle, trying, withdraw
from labeling.states import BatchState, BulkKind, FailureReason, Found, Lane, Outcome, UploadState, Way
from labeling.transitions import needs, restorations
from tests.browser import hostile
from tests.factories import (
    make_batch,
    make_document,
    make_request,
    make_result,
    make_task,
    make_upload,
    make_version,
    make_workers_well,
)
from tests.pipeline.story import setting

SLUG = "letters"
LABELS = [{"name": name, "description": hostile.REASON} for name in (hostile.LABEL, "red", "blue")]


def furnish(ada: User) -> dict[str, list[str]]:
    """Where to look afterwards: the addresses of every page, under the name that it has in the urls."""
    make_workers_well()
    version = make_version(make_task(slug=SLUG, name=hostile.TASK), labels=LABELS, instructions=hostile.TEXT)
    night = Night.objects.create(date=timezone.now().date(), due_at=timezone.now(), left_at=timezone.now())
    uploads = _uploads(version, ada)
    done = _answers(version, night)
    uploads.append(done)
    batches = _batches(version, night)
    draft = make_version(version.task, draft=True, labels=LABELS)
    tries = _tries(draft, done, ada)
    selection = _selection(uploads[0], ada)
    _activity(version, ada)
    ledger.check()
    decision = {"slug": SLUG, "reason": FailureReason.NOT_A_LABEL}
    return {
        "night": ["/"],
        "nights": ["/nights/"],
        "night_of": [reverse("night_of", args=(night.date,))],
        "need": [reverse("need", args=(f"decision--{SLUG}--{reason}",)) for reason in ("not_a_label", "unclear")],
        "uploads": ["/uploads/"],
        "upload_new": ["/uploads/new/"],
        "upload": [reverse("upload", args=(upload.pk,)) for upload in uploads],
        "upload_withdraw": [reverse("upload_withdraw", args=(done.pk,))],
        "upload_again": [reverse("upload_again", args=(done.pk,))],
        "documents": ["/documents/", "/documents/?q=nothing+like+this"],
        "document": [reverse("document", args=(document.pk,)) for document in _documents()],
        "selection": [reverse("selection", args=(selection.key,))],
        "batches": ["/batches/"],
        "batch": [reverse("batch", args=(batch.pk,)) for batch in batches],
        "doubts": ["/doubts/"],
        "doubt": [reverse("doubt", args=(b.pk,)) for b in batches if b.doubt_since],
        "decisions": ["/decisions/", "/decisions/?tab=again", "/decisions/?tab=closed"],
        "cause": [reverse("cause", kwargs=decision)],
        "savings": ["/savings/", "/savings/?by=model&documents=100000&tokens_in=50&tokens_out=20#calculator"],
        "limits": ["/limits/"],
        "tasks": ["/tasks/"],
        "task": [f"/tasks/{SLUG}/"],
        "task_new": ["/tasks/new/"],
        "task_edit": [f"/tasks/{SLUG}/edit/"],
        "version_use": [reverse("version_use", args=(SLUG, draft.number))],
        "trial": [reverse("trial", args=(SLUG, trial.pk)) for trial in tries],
        "activity": ["/activity/"],
        "settings": ["/settings/"],
        "accounts": ["/accounts/"],
        "erase": [f"/erase/?u={done.pk}", f"/erase/?d={Document.objects.latest('pk').pk}"],
        "password_change": ["/password"],
        "password_change_done": ["/password/done"],
        "offline": ["/offline"],
    }


def restore() -> None:
    """From now on nothing leaves until a person settles what left since the backup."""
    now = timezone.now()
    restoration = restorations.begin(
        backup_name=hostile.FILE, made_at=now - timedelta(hours=9), by=hostile.ACCOUNT, now=now
    )
    restoration.found.create(
        message_batch_id="msgbatch_of_theirs", created_at=now, requests=7, state=Found.ANOTHERS, why=hostile.REASON
    )


def _uploads(version: LabelingTaskVersion, ada: User) -> list[Upload]:
    """A receipt in each of its states, by the very steps that lead there."""
    received = _received(version, ada)
    unreadable = _received(version, ada, b"PK\x03\x04 no workbook")
    waiting, held, ordered, withdrawn, erased = (_imported(version, ada, f"{n} ") for n in range(5))
    checked, importing, discarded, tried = (_checked(version, ada, f"{word} ") for word in "abcd")
    intake.confirm(importing, Way.TONIGHT)
    intake.discard(discarded)
    intake.confirm(tried, Way.TONIGHT, try_first=3, by=ada.username)
    intake.import_rows(tried, setting())
    for document in Document.objects.filter(upload=tried, way=Way.URGENT)[:2]:
        make_result(make_request(document, lane=Lane.URGENT), answer=hostile.LABEL)
    hold.hold_upload(held, by=ada, reason=hostile.REASON, until=None)
    send_now.send_upload(ordered, Way.NOW, by=ada)
    withdraw.withdraw_upload(withdrawn, setting(), by=ada)
    erase.erase_upload(erased, by=ada, reason=hostile.REASON)
    _check(unreadable)
    return [waiting, received, unreadable, checked, importing, discarded, tried, held, ordered, withdrawn, erased]


def _answers(version: LabelingTaskVersion, night: Night) -> Upload:
    """An upload that is done, with a label of each kind and with what failed for good, or goes again."""
    upload = make_upload(version, file_name=hostile.FILE)
    batch = make_batch(version, night=night)
    for n, answer in enumerate([hostile.LABEL, "red", "blue", "red"]):
        document = make_document(
            upload,
            text=f"{hostile.TEXT} {n} of those that are labeled",
            external_id=hostile.EXTERNAL_ID,
            gold_label=hostile.LABEL,
            metadata={hostile.COLUMN: hostile.TEXT},
        )
        make_result(make_request(document, batch=batch), answer=answer)
    for reason in (FailureReason.NOT_A_LABEL, FailureReason.CUT_OFF):
        request = make_request(make_document(upload, text=f"{hostile.TEXT} {reason}"), batch=batch)
        make_result(request, usable=False, failure_reason=reason, answer=hostile.TEXT)
    closed = make_document(upload, state="failed", failure_reason=FailureReason.REFUSED)
    decide.close(
        Document.objects.filter(pk=closed.pk),
        hostile.REASON,
        task=version.task,
        reason=FailureReason.REFUSED,
        by="ada",
    )
    make_document(upload, state="failed", failure_reason=FailureReason.UNCLEAR)
    going_again = make_request(make_document(make_upload(version)))
    make_result(going_again, usable=False, goes_again=True, outcome=Outcome.EXPIRED)
    ingest._finish(batch)
    Upload.objects.filter(pk=upload.pk).update(state=UploadState.DONE, done_at=timezone.now())
    needs.take(f"decision--{SLUG}--unclear", by=User.objects.get(), note=hostile.REASON)
    return upload


def _batches(version: LabelingTaskVersion, night: Night) -> list[Batch]:
    """One in each state; `_answers` has ingested one."""
    upload = make_upload(version, file_name=hostile.FILE)
    found = [make_batch(version, night=night, state=state, note=hostile.REASON) for state in BatchState]
    for batch in found:
        if batch.state in (BatchState.BUILDING, BatchState.UNKNOWN, BatchState.IN_PROGRESS):
            make_request(make_document(upload, text=f"{hostile.TEXT} {batch.pk}"), batch=batch)
    settled = make_batch(version, state=BatchState.UNKNOWN)
    settle.declare_absent(settled, by=User.objects.get(), why=hostile.REASON)
    settled.refresh_from_db()
    return [*Batch.objects.filter(usable_results__gt=0), *found, settled]


def _tries(draft: LabelingTaskVersion, done: Upload, ada: User) -> list[Upload]:
    """Of a draft, on documents with gold labels: one that is done."""
    documents = list(Document.objects.filter(upload=done, state="labeled").values_list("pk", flat=True))
    trial = trying.try_on_documents(draft, documents, seen=draft.stamp, by=ada)
    for document in Document.objects.filter(upload=trial):
        make_result(make_request(document, lane=Lane.URGENT), answer="red")
    return [trial]


def _selection(waiting: Upload, ada: User) -> Selection:
    selection = bulk.choose(Document.objects.filter(upload=waiting).values_list("pk", flat=True), by=ada.username)
    bulk.begin(selection, BulkKind.WITHDRAW, user=ada)
    return selection


def _documents() -> list[Document]:
    """One of each state."""
    return list(Document.objects.exclude(leader__isnull=False).order_by("state", "-pk").distinct("state"))


def _activity(version: LabelingTaskVersion, ada: User) -> None:
    activity.record(ada, hostile.TEXT[:400], f"task:{version.task.slug}", before=hostile.LABEL, after=hostile.REASON)


def _received(version: LabelingTaskVersion, ada: User, content: bytes = b"", start: str = "") -> Upload:
    return intake.receive(
        [content or _csv(start)],
        file_name=hostile.FILE,
        version=version,
        way=Way.TONIGHT,
        options=ReadOptions(text_column=None if content else "text", id_column=None if content else "id"),
        settings=setting(),
        user=ada,
    )


def _check(upload: Upload) -> None:
    with suppress(FileRefused):
        intake.check(upload, setting())


def _checked(version: LabelingTaskVersion, ada: User, start: str) -> Upload:
    upload = _received(version, ada, start=start)
    _check(upload)
    upload.refresh_from_db()
    return upload


def _imported(version: LabelingTaskVersion, ada: User, start: str) -> Upload:
    upload = _checked(version, ada, start)
    intake.confirm(upload, Way.TONIGHT)
    assert intake.import_rows(upload, setting())
    return upload


def _csv(start: str) -> bytes:
    """Six documents and a row without a text."""
    file = io.StringIO()
    rows = csv.writer(file)
    rows.writerow(["text", "id", hostile.COLUMN])
    for n in range(6):
        rows.writerow([f"{start}{n} {hostile.TEXT}", hostile.EXTERNAL_ID, hostile.TEXT])
    rows.writerow(["", hostile.EXTERNAL_ID, hostile.TEXT])
    return file.getvalue().encode()
