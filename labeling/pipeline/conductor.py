"""Plays the stages in story order: one pass for a tick or a command, or until nothing is left to do."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum

from django.db import transaction
from django.db.models import Min
from django.utils import timezone

from labeling import counts, store
from labeling.configuration import Configuration
from labeling.models import Batch, Document, FoundBatch, Gate, Request, Restoration, Trial, UnfinishedWork, Upload
from labeling.money import limits
from labeling.pipeline.accounts import account_in_use
from labeling.querysets import BatchQuerySet, DocumentQuerySet
from labeling.states import BatchState, DocumentState, HoldKind, Lane, Outcome, TrialDecision, UploadState, Way, Work
from labeling.transitions import tallies, uploads

from . import (
    build,
    canary,
    cancel,
    doubt,
    erase,
    ingest,
    intake,
    moving,
    poll,
    prove,
    recover,
    restored,
    submit,
    urgent,
    wishes,
)

LONGEST_NAP = timedelta(seconds=1)


class Ending(IntEnum):
    """Why run_until_idle came back; the values are exit codes."""

    IDLE = 0
    NEEDS_A_PERSON = 1
    TIMEOUT = 3


@dataclass(slots=True)
class Report:
    ending: Ending = Ending.IDLE
    sentences: list[str] = field(default_factory=list)


def run_pass(settings: Configuration, *, ignore_hour: bool = False) -> None:
    """Every stage once, in this process."""
    for upload in Upload.objects.filter(state=UploadState.IMPORTING):
        intake.import_rows(upload, settings)
    wishes.carry_out(settings, timezone.now())
    recover.recover(timezone.now())
    doubt.settle_doubt(settings, timezone.now())
    restored.look_up(settings, timezone.now())
    moving.move_waiting()
    canary.arrange(settings, timezone.now())
    build.build_due(settings, timezone.now(), ignore_hour=ignore_hour)
    for batch in submittable(timezone.now()):
        submit.submit(batch, settings)
    urgent.drain(settings)
    cancel.ask_for_cancels()
    poll.poll_due(settings, timezone.now())
    for batch in ingestible(timezone.now()):
        ingest.ingest(batch, settings)
    prove.prove_due()
    erase.ask_for_what_is_old(settings, timezone.now())
    erase.carry_out(settings, until=timezone.now() + erase.RUN)
    uploads.finish()
    tallies.fold()


def submittable(now: datetime) -> list[Batch]:
    built = Batch.objects.past_back_off(now).filter(state=BatchState.BUILDING)
    return list(built.select_related("version__task").order_by("-version__task__priority", "pk"))


def ingestible(now: datetime) -> list[Batch]:
    ended = Batch.objects.past_back_off(now).filter(state=BatchState.ENDED)
    return list(ended.select_related("version__task").order_by("pk"))


def run_until_idle(
    settings: Configuration, *, timeout: float | None = None, say: Callable[[str], None] = lambda _: None
) -> Report:
    """Pass after pass, ignoring the hour and the back-off, until only finished or held things are left.

    `timeout` in seconds. Pauses and waits that the API asked for are obeyed.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    told = ""
    while True:
        _skip_back_off()
        run_pass(settings, ignore_hour=True)
        sentence = _where_things_stand()
        if sentence != told:
            say(told := sentence)
        if report := _ending(settings):
            return report
        if deadline is not None and time.monotonic() >= deadline:
            return Report(Ending.TIMEOUT, [f"The time was over before everything was done. {sentence}"])
        _nap(deadline)


def _skip_back_off() -> None:
    """Rows that somebody else is just moving are passed over; the next pass finds them."""
    with transaction.atomic():
        backing_off = Document.objects.filter(state=DocumentState.QUEUED, not_before__gt=timezone.now())
        free = backing_off.select_for_update(skip_locked=True)
        backing_off.filter(pk__in=free.values("pk")).update(not_before=None)


def _where_things_stand() -> str:
    states = counts.documents_by_state()
    open_batches = Batch.objects.open().count()
    return (
        f"{states[DocumentState.LABELED]:,} labeled, {states[DocumentState.FAILED]:,} failed, "
        f"{states[DocumentState.QUEUED]:,} waiting, {states[DocumentState.BATCHED]:,} in flight, "
        f"{open_batches} open {'batch' if open_batches == 1 else 'batches'}"
    )


def _ending(settings: Configuration) -> Report | None:
    """None while time alone moves something; else why there is nothing left to do."""
    closed = list(Gate.objects.filter(closed_at__isnull=False).select_related("task"))
    set_aside = Batch.objects.set_aside()
    unlisted = UnfinishedWork.objects.rows_set_aside(Work.RESTORATION)
    reachable = Batch.objects.filter(account=account_in_use())
    is_low = store.free_bytes() < settings.min_free_bytes
    moving = (
        Upload.objects.filter(state=UploadState.IMPORTING, error=""),
        Upload.objects.filter(sweep_due=True),
        Trial.objects.filter(decision=TrialDecision.DISCARDED, upload__hold_kind=HoldKind.TRIAL),
        Batch.objects.filter(state=BatchState.SUBMITTING).exclude(pk__in=set_aside),
        Batch.objects.none() if is_low else Batch.objects.filter(state=BatchState.ENDED).exclude(pk__in=set_aside),
        reachable.filter(state__in=(BatchState.IN_PROGRESS, BatchState.CANCELING, BatchState.UNKNOWN)),
        Request.objects.filter(lane=Lane.URGENT, outcome=Outcome.OPEN),
        Restoration.objects.filter(settled_at=None, listed_at=None).exclude(pk__in=unlisted),
        FoundBatch.objects.open().filter(restoration__settled_at=None).exclude(restoration__in=unlisted),
        _waiting(settings, closed),
        _building(closed).exclude(pk__in=set_aside),
    )
    return None if any(rows.exists() for rows in moving) else _report(settings, closed)


def _waiting(settings: Configuration, closed: list[Gate]) -> DocumentQuerySet:
    """Documents that will leave without anybody's help; into a full queue only urgent ones do."""
    if any(gate.task_id is None for gate in closed):
        return Document.objects.none()
    held_tasks = [gate.task_id for gate in closed]
    stands_still = UnfinishedWork.objects.rows_set_aside(Work.MOVE)
    leaders = Document.objects.may_leave_in_time().exclude(version__in=stands_still)
    if Batch.objects.requests_in_queue() >= settings.queue_limit:
        leaders = leaders.filter(way=Way.URGENT)
    if limits.are_set(settings):
        over = limits.over(settings, timezone.now(), ignore_hour=True)
        leaders = leaders.exclude(way=Way.URGENT, version__in=over.urgent_versions)
        leaders = leaders.exclude(way__in=(Way.NOW, Way.TONIGHT), version__in=over.batch_versions)
    return leaders.exclude(version__task__in=held_tasks)


def _building(closed: list[Gate]) -> BatchQuerySet:
    if any(gate.task_id is None for gate in closed):
        return Batch.objects.none()
    return Batch.objects.filter(state=BatchState.BUILDING).exclude(version__task__in=[gate.task_id for gate in closed])


def _report(settings: Configuration, closed: list[Gate]) -> Report:
    report = Report()
    if limits.are_set(settings):
        over = limits.over(settings, timezone.now(), ignore_hour=True)
        for standing, versions in ((over.night, over.batch_versions), (over.urgent, over.urgent_versions)):
            if versions:
                report.ending = Ending.NEEDS_A_PERSON
                report.sentences.append(f"Documents wait for a money limit. {standing.sentence}")
    for gate in closed:
        scope = f"Task {gate.task.slug}" if gate.task else "Sending"
        report.sentences.append(f"{scope} is paused by {gate.closed_by}: {gate.reason}")
        if gate.kind != "person":
            report.ending = Ending.NEEDS_A_PERSON
    report.sentences += [_held(upload) for upload in Upload.objects.held().order_by("pk")]
    for batch in Batch.objects.open().exclude(state=BatchState.BUILDING) | Batch.objects.set_aside():
        report.ending = Ending.NEEDS_A_PERSON
        report.sentences.append(f"{batch} is {batch.state}: {batch.note}")
    for work in UnfinishedWork.objects.set_aside().order_by("pk"):
        report.ending = Ending.NEEDS_A_PERSON
        report.sentences.append(work.stands_still)
    for upload in Upload.objects.filter(state=UploadState.IMPORTING).exclude(error=""):
        report.ending = Ending.NEEDS_A_PERSON
        report.sentences.append(f"{upload} stands still: {upload.error}")
    return report


def _held(upload: Upload) -> str:
    if upload.hold_kind == HoldKind.TRIAL:
        return f"{upload} waits for the decision about the trial of {upload.held_by}."
    until = f" until {upload.held_until:%Y-%m-%d %H:%M} UTC" if upload.held_until else ""
    return f"{upload} is held by {upload.held_by}{until}: {upload.hold_reason}"


def _nap(deadline: float | None) -> None:
    """Sleep until the next poll or retry is due, a second at the most."""
    now = timezone.now()
    polls = Batch.objects.at_the_api().aggregate(at=Min("next_poll_at"))["at"]
    nap = min(LONGEST_NAP, max(polls - now, timedelta(milliseconds=20))) if polls else LONGEST_NAP / 5
    left = LONGEST_NAP.total_seconds() if deadline is None else max(0.0, deadline - time.monotonic())
    time.sleep(min(nap.total_seconds(), left))
