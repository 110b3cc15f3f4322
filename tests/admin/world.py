"""People at the door of the admin, and a row of every kind to look at."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.models import Failure, OrmQ, Schedule, Success
from django_q.tasks import async_task

from labeling import activity
from labeling.models import (
    Alarm,
    AnswerTally,
    BatchEvent,
    BulkAct,
    Canary,
    Candidate,
    DocumentTally,
    DocumentWords,
    Erasure,
    FailureTally,
    Gate,
    Heartbeat,
    LedgerCheck,
    LimitRelease,
    ListedModel,
    ModelPrice,
    Night,
    Notice,
    OneTimePassword,
    RefusedRow,
    RequestTally,
    Restoration,
    ResultLine,
    SelectedDocument,
    SendOrder,
    Setting,
    SignInTries,
    SpendTally,
    StrayLine,
    Taken,
    TokenCount,
    Trial,
    TrialDocument,
    Tryout,
    UnfinishedWork,
    UploadEstimate,
)
from labeling.pipeline import bulk
from labeling.states import BatchState, BulkKind, DocumentState, RefusalReason, Way, Work
from labeling.transitions.words import make_all_searchable
from tests.factories import make_batch, make_document, make_request, make_result, make_upload


def sign_in(name: str, group: str = "", **columns: Any) -> Client:
    user = User.objects.create_user(name, password="no secret", **{"is_staff": True, **columns})
    if group:
        user.groups.add(Group.objects.get(name=group))
    client = Client(raise_request_exception=True)
    client.force_login(user)
    return client


def make_rows() -> dict[type[Model], Any]:
    number = Night.objects.count()
    upload = make_upload()
    document = make_document(upload, text=f"Text {number}", external_id=f"EXT-{number}", metadata={"page": 3})
    make_document(upload, text=f"Text {number}")
    make_document(upload, state=DocumentState.FAILED)
    night = Night.objects.create(date=date(2026, 11, 1) + timedelta(days=number), due_at=timezone.now())
    batch = make_batch(upload.version, night=night, state=BatchState.IN_PROGRESS)
    result = make_result(make_request(document, batch=batch))
    event = BatchEvent.objects.create(batch=batch, old="in_progress", new="ended", by="poll")
    candidate = Candidate.objects.create(
        batch=batch, message_batch_id=f"msgbatch_candidate_{number}", created_at=timezone.now()
    )
    refused = RefusedRow.objects.create(
        upload=make_upload(rows=1, refused=1),
        row_number=1,
        line_number=2,
        reason=RefusalReason.BLANK_TEXT,
        sentence="The text is blank.",
        raw=",",
    )
    stray = StrayLine.objects.create(batch=batch, why="foreign", line_sha256=f"{number:064}", line="{}")
    task = upload.version.task
    restoration = Restoration.objects.create(
        backup_name="evening.backup",
        restored_by="tests",
        **dict.fromkeys(("backup_made_at", "restored_at", "listed_from", "listed_until"), timezone.now()),
    )
    found = restoration.found.create(message_batch_id=f"msgbatch_found_{number}", created_at=timezone.now(), requests=1)
    make_all_searchable()
    trial = Trial.objects.create(
        upload=upload, version=upload.version, wanted=1, started_at=timezone.now(), started_by="tests"
    )
    chosen = bulk.choose([document.pk], by="tests")
    made: tuple[Any, ...] = (
        DocumentWords.objects.get(pk=document.pk),
        chosen,
        SelectedDocument.objects.get(selection=chosen),
        BulkAct.objects.create(selection=chosen, kind=BulkKind.AGAIN, way="now", by="tests"),
        trial,
        TrialDocument.objects.create(trial=trial, document=document),
        SendOrder.objects.create(
            upload=upload, way=Way.NOW, ordered_at=timezone.now(), ordered_by="tests", leaves_at=timezone.now()
        ),
        ListedModel.objects.create(id=f"model-{number}", display_name="A model", seen_at=timezone.now()),
        TokenCount.objects.create(digest=f"{number:064}", params="{}", asked_at=timezone.now()),
        Taken.objects.create(key=f"disk--{number}", by="tests"),
        task,
        upload.version,
        Canary.objects.create(version=upload.version, document=document, sent_at=timezone.now()),
        upload,
        UploadEstimate.objects.create(
            upload=upload,
            counted_at=timezone.now(),
            is_whole=True,
            **dict.fromkeys(("rows", "documents", "text_bytes", "sampled", "sample_bytes", "sample_tokens"), 1),
        ),
        refused,
        document,
        document.content,
        night,
        batch,
        event,
        batch.shares.get(),
        candidate,
        result.request,
        batch.account,
        result,
        ResultLine.objects.get(pk=result.pk),
        stray,
        restoration,
        Erasure.objects.create(kind="person", asked_at=timezone.now(), asked_by="tests", reason="wrong file"),
        found,
        ModelPrice.objects.create(
            model=f"model-{number}",
            effective_from=date(2026, 1, 1),
            **dict.fromkeys(("input", "output", "cache_write_5m", "cache_write_1h", "cache_read"), 1),
        ),
        SpendTally.objects.latest("pk"),
        Gate.objects.create(task=task),
        Setting.objects.create(key=f"setting {number}", value=number),
        Heartbeat.objects.create(queue="bulk", host=f"host-{number}", beaten_at=timezone.now()),
        UnfinishedWork.objects.create(work=Work.BULK_ACT, row_id=number, tries=1, last_at=timezone.now()),
        LedgerCheck.objects.create(
            holds=False, identities=[{"name": "one = two", "left": "1", "right": "2", "holds": False}]
        ),
        Alarm.objects.create(kind="disk", subject=f"{number}", raised_at=timezone.now(), seen_at=timezone.now()),
        Notice.objects.create(kind="alarm", subject=f"A-{number}", receiver="mailto:1", next_at=timezone.now()),
        OneTimePassword.objects.create(
            user=User.objects.create_user(f"new-{number}"), given_by="anna", ends_at=timezone.now()
        ),
        SignInTries.objects.create(name=f"{number}", address="127.0.0.1", since=timezone.now()),
        Taken.objects.create(key=f"doubt--B-{number}", by="tests"),
        Tryout.objects.create(
            task=task, reason="cut_off", version=upload.version, documents=[document.pk], started_by="tests"
        ),
        activity.record("tests", "Something was done", "U-1"),
        DocumentTally.objects.latest("pk"),
        FailureTally.objects.latest("pk"),
        AnswerTally.objects.latest("pk"),
        LimitRelease.objects.create(scope="night", date=timezone.now().date(), by="tests", why=f"{number}"),
        RequestTally.objects.latest("pk"),
        Schedule.objects.create(name=f"schedule {number}", func="labeling.tasks.tick"),
        _run(Success, f"{number:032}", success=True, result="1 built"),
        _run(Failure, f"f{number:031}", success=False, result="Traceback: it failed"),
    )
    async_task("labeling.tasks.submit_batch", number, cluster="bulk")
    return {type(row): row for row in (*made, OrmQ.objects.latest("pk"))}


def _run(model: type[Model], key: str, **columns: Any) -> Model:
    now = timezone.now()
    return model._default_manager.create(
        id=key, name=key[:8], func="labeling.tasks.tick", args=(1,), started=now, stopped=now, **columns
    )


def messages(response: Any) -> list[str]:
    """What the page says on top, after a followed redirect or on the page itself."""
    return [str(message) for message in response.context["messages"]]


def act(client: Client, rows: Sequence[Model], action: str, **form: object) -> Any:
    """Choose an action for checked rows; with a form: send its page. The answer after the redirect, if there is one."""
    meta = rows[0]._meta
    chosen = {"action": action, "_selected_action": [row.pk for row in rows]}
    posted = {**chosen, "confirmed": "yes", **form} if form else {**chosen, "index": 0}
    return client.post(reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist"), posted, follow=True)
