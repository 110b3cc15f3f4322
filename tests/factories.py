"""Rows for tests, in states that the product itself could have brought about.

Each function makes one row and what it needs, and takes the columns it should differ in as keywords.
Documents are counted on their upload, requests on their batch, and a result is booked by the product's own
statement, so that the identities of the ledger hold afterwards.

    document = make_document(text="where is my card", gold_label="lost")
    result = make_result(make_request(document), answer="card_arrival")
    document.refresh_from_db()       # labeled
"""

from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from itertools import count
from typing import Any

import orjson
from django.db import connection
from django.db.models import F
from django.utils import timezone
from django_q.models import Schedule

from labeling.configuration import installation
from labeling.health.heartbeat import QUEUES, beat
from labeling.messages import custom_ids
from labeling.models import (
    Account,
    Batch,
    Document,
    DocumentText,
    LabelingTask,
    LabelingTaskVersion,
    Request,
    Result,
    Upload,
)
from labeling.money.pricing import Usage
from labeling.states import BatchState, DocumentState, FailureReason, Kind, Lane, Outcome, UploadState, Way
from labeling.transitions.requests import end_without_answer, release_unsent, share_out
from labeling.transitions.results import Booking, Reading, settle

MODEL = "claude-haiku-4-5"
LIST_USD = Decimal("0.000150000000")
"""50 input and 20 output tokens of MODEL in real time."""

_numbers = count(1)


def make_task(**columns: Any) -> LabelingTask:
    """A task without a version; `make_version` puts one in use."""
    slug = columns.pop("slug", None) or f"task-{next(_numbers)}"
    return LabelingTask.objects.create(**{"slug": slug, "name": slug.replace("-", " ").capitalize(), **columns})


def make_version(
    task: LabelingTask | None = None, *, in_use: bool = True, draft: bool = False, **columns: Any
) -> LabelingTaskVersion:
    """The next version of a task: classify with the labels red, green and blue; a draft was never in use."""
    in_use = in_use and not draft
    task = task or make_task()
    number = columns.pop("number", None) or task.versions.count() + 1
    defaults: dict[str, Any] = {
        "kind": Kind.CLASSIFY,
        "instructions": f"Name the color of the text. Wording {number}.",
        "labels": [{"name": name, "description": ""} for name in ("red", "green", "blue")],
        "model": MODEL,
        "max_tokens": 256,
        "first_in_use_at": None if draft else timezone.now(),
    }
    version = LabelingTaskVersion(task=task, number=number, **{**defaults, **columns})
    version.fingerprint = version.fingerprint or version.spec.fingerprint()
    version.save()
    if in_use:
        task.version_in_use = version
        task.save(update_fields=["version_in_use"])
    return version


def make_upload(version: LabelingTaskVersion | None = None, **columns: Any) -> Upload:
    """An upload that is ready since an hour; `make_document` fills it and counts."""
    number = next(_numbers)
    ready_at = columns.pop("ready_at", timezone.now() - timedelta(hours=1))
    state = columns.pop("state", UploadState.READY)
    was_ready = state in (UploadState.READY, UploadState.DONE, UploadState.WITHDRAWN)
    was_confirmed = was_ready or state == UploadState.IMPORTING
    defaults: dict[str, Any] = {
        "file_name": f"file-{number}.csv",
        "sha256": sha256(f"file {number}".encode()).hexdigest(),
        "size_bytes": 1_000,
        "options": {},
        "inspection": {"columns": ["text"], "text_column": "text", "id_column": None, "gold_column": None},
        "confirmed_at": ready_at - timedelta(minutes=1) if was_confirmed else None,
        "ready_at": ready_at if was_ready else None,
        "counts_from": ready_at if was_ready else None,
    }
    upload = Upload.objects.create(version=version or make_version(), state=state, **{**defaults, **columns})
    return _at(upload, created_at=ready_at - timedelta(minutes=2))


def make_document(
    upload: Upload | None = None,
    *,
    text: str | None = None,
    external_id: str = "",
    gold_label: str = "",
    metadata: dict[str, Any] | None = None,
    **columns: Any,
) -> Document:
    """A queued document with its text. A text that its version knows already comes in as a copy, as in an import.

    `state` may be queued, failed (with `failure_reason`) or withdrawn; the others come of requests and results.
    """
    upload = upload or make_upload()
    text = f"Text number {next(_numbers)}." if text is None else text
    digest = sha256(text.encode()).digest()
    leader = Document.objects.filter(version_id=upload.version_id, sha256=digest, leader=None).first()
    if leader:
        follows = leader.state in (DocumentState.LABELED, DocumentState.FAILED)
        columns = {
            "leader": leader,
            "state": leader.state if follows else DocumentState.QUEUED,
            "failure_reason": leader.failure_reason,
            "result_id": leader.result_id,
        } | columns
    if columns.get("state") == DocumentState.FAILED:
        columns.setdefault("failure_reason", FailureReason.UNCLEAR)
    defaults: dict[str, Any] = {
        "version_id": upload.version_id,
        "row_number": upload.rows + 1,
        "sha256": digest,
        "encoded_bytes": len(orjson.dumps(text)),
        "way": upload.way,
        "state": DocumentState.QUEUED,
        "attempts": 0,
        "attempts_before": 0,
        "failure_reason": "",
        "closed_reason": "",
    }
    document = Document.objects.create(upload=upload, **{**defaults, **columns})
    DocumentText.objects.create(
        document=document, external_id=external_id, text=text, gold_label=gold_label, metadata=metadata or {}
    )
    copies = int(document.leader_id is not None)
    Upload.objects.filter(pk=upload.pk).update(
        rows=F("rows") + 1, accepted=F("accepted") + 1, copies=F("copies") + copies
    )
    upload.refresh_from_db(fields=["rows", "accepted", "copies"])
    return document


def make_batch(version: LabelingTaskVersion | None = None, **columns: Any) -> Batch:
    """A batch without requests, in progress unless `state` says otherwise; `make_request` fills it and counts."""
    number = next(_numbers)
    state = columns.pop("state", BatchState.IN_PROGRESS)
    built_at = columns.pop("built_at", timezone.now() - timedelta(minutes=30))
    was_claimed = state not in (BatchState.BUILDING,)
    was_created = state in BatchState.with_message_batch()
    is_over = state in (BatchState.ENDED, BatchState.INGESTED)
    status = "ended" if is_over else "canceling" if state == BatchState.CANCELING else "in_progress"
    defaults: dict[str, Any] = {
        "way": Way.NOW,
        "token": custom_ids.new_token(),
        "account": make_account() if was_claimed else None,
        "claimed_at": built_at + timedelta(seconds=1) if was_claimed else None,
        "deadline": built_at + timedelta(seconds=901) if was_claimed else None,
        "submit_tries": int(was_claimed),
        "doubt_since": built_at + timedelta(seconds=30) if state == BatchState.UNKNOWN else None,
        "message_batch_id": f"msgbatch_{number:06d}" if was_created else None,
        "processing_status": status if was_created else "",
        "created_at": built_at + timedelta(seconds=2) if was_created else None,
        "expires_at": built_at + timedelta(days=1, seconds=2) if was_created else None,
        "ended_at": built_at + timedelta(minutes=10) if is_over else None,
        "ingested_at": built_at + timedelta(minutes=11) if state == BatchState.INGESTED else None,
    }
    batch = Batch.objects.create(version=version or make_version(), state=state, **{**defaults, **columns})
    return _at(batch, built_at=built_at)


def make_account(base_url: str = "http://127.0.0.1:9", **columns: Any) -> Account:
    return Account.objects.get_or_create(base_url=base_url, workspace_id="", defaults=columns)[0]


def make_request(
    document: Document | None = None,
    *,
    batch: Batch | None = None,
    lane: Lane = Lane.BATCH,
    outcome: Outcome = Outcome.OPEN,
    **columns: Any,
) -> Request:
    """A document on its way, in a batch of its own or urgently: the document becomes batched.

    `outcome` may also be missing or unclear (the document fails) or not_sent (it is queued again, and this was no
    attempt). An answer comes of `make_result`.
    """
    document = document or make_document()
    if lane == Lane.BATCH and batch is None:
        batch = make_batch(document.version)
    token = batch.token if batch else custom_ids.new_token()
    created_at = batch.built_at if batch else timezone.now() - timedelta(minutes=1)
    request = Request.objects.create(
        **{
            "document": document,
            "version_id": document.version_id,
            "batch": batch,
            "account": None if batch else make_account(),
            "lane": lane,
            "custom_id": custom_ids.custom_id(installation(), token, document.pk, bytes(document.sha256)),
            "outcome": Outcome.OPEN,
            "created_at": created_at,
            "deadline": None if batch else created_at + timedelta(minutes=10),
            **columns,
        }
    )
    Document.objects.filter(pk=document.pk).update(
        state=DocumentState.BATCHED, attempts=F("attempts") + 1, failure_reason="", closed_at=None, closed_reason=""
    )
    if batch:
        mirrored = F("processing") + int(batch.state in BatchState.with_message_batch())
        Batch.objects.filter(pk=batch.pk).update(request_total=F("request_total") + 1, processing=mirrored)
        batch.refresh_from_db(fields=["request_total", "processing"])
        share_out(batch)
    if outcome == Outcome.NOT_SENT:
        release_unsent(request_ids=[request.pk])
    elif outcome != Outcome.OPEN:
        end_without_answer([request.pk], outcome, FailureReason[outcome.name])
    request.refresh_from_db()
    document.refresh_from_db()
    return request


def make_result(
    request: Request | None = None,
    *,
    answer: str = "red",
    usable: bool = True,
    outcome: Outcome = Outcome.SUCCEEDED,
    goes_again: bool = False,
    failure_reason: str = "",
    usage: Usage | None = None,
    created_at: datetime | None = None,
    max_attempts: int = 3,
    **columns: Any,
) -> Result:
    """What an open request brought, booked by the product's own statement; copies follow.

    Usable: the document is labeled. `usable=False`: it failed with `failure_reason`, or is queued again with
    `goes_again`. An outcome that is not succeeded is not usable and costs nothing. `list_usd=None, paid_usd=None`:
    the price is unknown. The batch of the request has ended afterwards.
    """
    request = request or make_request()
    succeeded = outcome == Outcome.SUCCEEDED
    usable = usable and succeeded
    if not usable and not goes_again:
        failure_reason = failure_reason or FailureReason.NOT_A_LABEL
    list_usd = LIST_USD if succeeded else Decimal(0)
    reading: dict[str, Any] = {
        "document_id": request.document_id,
        "outcome": outcome,
        "result_type": outcome.value,
        "line": orjson.dumps({"custom_id": request.custom_id, "answer": answer}).decode(),
        "stop_reason": "end_turn" if succeeded else "",
        "usable": usable,
        "goes_again": goes_again,
        "failure_reason": failure_reason,
        "answer": answer if succeeded else "",
        "model": request.version.model if succeeded else "",
        "usage": usage or (Usage(input_tokens=50, output_tokens=20) if succeeded else Usage()),
        "list_usd": list_usd,
        "paid_usd": list_usd / 2 if request.lane == Lane.BATCH else list_usd,
        **columns,
    }
    now = created_at or timezone.now()
    batch = request.batch
    booking = Booking(
        batch_id=request.batch_id,
        version_id=request.version_id,
        model=request.version.model,
        account_id=batch.account_id if batch else request.account_id,
        lane=request.lane,
        day=(batch.created_at or batch.built_at if batch else request.created_at).date(),
        zone="UTC",
        max_attempts=max_attempts,
        again_at=now + timedelta(minutes=5),
    )
    if batch:
        _end(batch, outcome, now)
    booked = settle([Reading(**reading)], booking, now)
    _forget_readings()
    if booked != 1:
        raise AssertionError(f"{request} is not open")
    request.refresh_from_db()
    if "document" in request._state.fields_cache:
        request.document.refresh_from_db()
    return request.result


def make_workers_well() -> None:
    """Every queue beats and every schedule is on time, however long ago the database of the tests was made."""
    for queue in QUEUES:
        beat(queue)
    Schedule.objects.update(next_run=timezone.now() + timedelta(minutes=1))


def _forget_readings() -> None:
    """The commit after a booking empties its temporary table; the transaction around a test never commits."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE reading")


def _end(batch: Batch, outcome: Outcome, now: datetime) -> None:
    """Its results can be read, so the batch has ended; one more request is no longer in processing."""
    if batch.state in (BatchState.IN_PROGRESS, BatchState.CANCELING):
        batch.state, batch.processing_status, batch.ended_at = BatchState.ENDED, "ended", now
    if batch.processing:
        batch.processing -= 1
        setattr(batch, outcome.value, getattr(batch, outcome.value) + 1)
    batch.save()


def _at(row: Any, **times: datetime) -> Any:
    """Set columns that Django stamps by itself."""
    type(row).objects.filter(pk=row.pk).update(**times)
    for name, value in times.items():
        setattr(row, name, value)
    return row
