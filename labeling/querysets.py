"""Questions to the rows: one method for each word, so that a word means the same everywhere."""

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q, Sum

from labeling.states import (
    BatchState,
    DocumentState,
    Found,
    HoldKind,
    NoticeKind,
    OrderState,
    Proof,
    UploadKind,
    UploadState,
    Way,
    Work,
)

if TYPE_CHECKING:
    from labeling.models import Batch, BulkAct, Document, FoundBatch, Notice, SendOrder, UnfinishedWork, Upload  # noqa: F401  named in quotes

MOST_UNFINISHED_TRIES = 5
"""Work that ended its worker this often stands still until a person looks."""


MAY_LEAVE = """
    d.state = 'queued' AND d.leader_id IS NULL AND (d.not_before IS NULL OR d.not_before <= %(now)s)
    AND u.state IN ('ready', 'done') AND (u.hold_kind = '' OR (u.hold_kind = 'trial' AND EXISTS (
        SELECT 1 FROM labeling_trialdocument tried WHERE tried.document_id = d.id)))
"""
"""Who may leave, for the claims: document d of upload u. `DocumentQuerySet.may_leave` asks the same; gates and
money are asked by each claim. This is the one place where a new reason to stay belongs."""

COUNTS_FROM = "GREATEST(d.queued_at, u.counts_from)"
"""A night that is due at or after this instant takes the document; a release or a restore moves it on."""

_GOES_OUT = (UploadState.READY, UploadState.DONE)


class DocumentQuerySet(models.QuerySet["Document"]):
    def leaders(self) -> "DocumentQuerySet":
        return self.filter(leader__isnull=True)

    def waiting(self) -> "DocumentQuerySet":
        return self.filter(state=DocumentState.QUEUED)

    def may_leave(self, now: datetime) -> "DocumentQuerySet":
        """Queued leaders whose upload is whole and not held, and whose back-off is over; the way decides the rest.

        The same as MAY_LEAVE.
        """
        return self.may_leave_in_time().filter(Q(not_before__isnull=True) | Q(not_before__lte=now))

    def may_leave_in_time(self) -> "DocumentQuerySet":
        """The same, whenever their back-off is over: what leaves without anybody's help."""
        let_through = Q(upload__hold_kind="") | Q(upload__hold_kind=HoldKind.TRIAL, trialdocument__isnull=False)
        return self.leaders().waiting().filter(let_through, upload__state__in=_GOES_OUT)

    def due_at(self, night: datetime) -> "DocumentQuerySet":
        """What a night that was due at this instant takes; the same as COUNTS_FROM."""
        return self.filter(Q(queued_at__isnull=True) | Q(queued_at__lte=night), upload__counts_from__lte=night)

    def due_for_the_night(self, due_at: datetime) -> "DocumentQuerySet":
        """What a night due at this instant should have taken along: it leaves without anybody's help.

        A pause of everything does not take a document off; a person's pause of its task does.
        """
        due = self.may_leave_in_time().due_at(due_at).filter(way=Way.TONIGHT)
        return due.exclude(version__task__gate__kind="person")

    def need_a_person(self) -> "DocumentQuerySet":
        """Failed and not closed. What failed while a draft was tried is shown where it was tried."""
        return self.filter(state=DocumentState.FAILED, closed_at__isnull=True, upload__kind=UploadKind.FILE)

    def go_again(self, now: datetime) -> "DocumentQuerySet":
        """Queued, and sent again by themselves when their back-off is over."""
        return self.waiting().filter(not_before__gt=now, way__in=(Way.NOW, Way.URGENT))


class UploadQuerySet(models.QuerySet["Upload"]):
    def held(self) -> "UploadQuerySet":
        return self.filter(hold_kind__gt="")

    def going_out(self) -> "UploadQuerySet":
        """Whole, and not held as a whole: of a trial's upload some documents may go."""
        return self.filter(state__in=_GOES_OUT).exclude(hold_kind=HoldKind.PERSON)


class SendOrderQuerySet(models.QuerySet["SendOrder"]):
    def pending(self) -> "SendOrderQuerySet":
        return self.filter(state=OrderState.PENDING)

    def due(self, now: datetime) -> "SendOrderQuerySet":
        return self.pending().filter(leaves_at__lte=now)


class BatchQuerySet(models.QuerySet["Batch"]):
    def open(self) -> "BatchQuerySet":
        return self.filter(state__in=BatchState.open())

    def at_the_api(self) -> "BatchQuerySet":
        return self.filter(state__in=(BatchState.IN_PROGRESS, BatchState.CANCELING))

    def doubtful(self) -> "BatchQuerySet":
        return self.filter(state=BatchState.UNKNOWN)

    def past_back_off(self, now: datetime) -> "BatchQuerySet":
        """Those whose back-off is over."""
        return self.filter(Q(not_before__isnull=True) | Q(not_before__lte=now))

    def set_aside(self) -> "BatchQuerySet":
        """Waiting for a worker, but work on them ended so many workers that a person must look."""
        waits = Q(state__in=(BatchState.BUILDING, BatchState.ENDED)) | Q(proof=Proof.DUE)
        return self.filter(waits, unfinished_tries__gte=MOST_UNFINISHED_TRIES)

    def requests_in_queue(self) -> int:
        """Requests that count against the account's queue limit."""
        return int(self.open().exclude(state=BatchState.ENDED).aggregate(n=Sum("request_total"))["n"] or 0)


class BulkActQuerySet(models.QuerySet["BulkAct"]):
    def to_carry_out(self) -> "BulkActQuerySet":
        """Not finished, and it is noted with which documents."""
        return self.filter(finished_at__isnull=True, selection__frozen_at__isnull=False)


class UnfinishedWorkQuerySet(models.QuerySet["UnfinishedWork"]):
    def set_aside(self) -> "UnfinishedWorkQuerySet":
        """It ended so many workers that a person must look."""
        return self.filter(tries__gte=MOST_UNFINISHED_TRIES)

    def rows_set_aside(self, work: Work) -> "models.QuerySet[UnfinishedWork, int]":
        """The numbers of the rows on which nobody does this work any more."""
        return self.set_aside().filter(work=work).values_list("row_id", flat=True)


class NoticeQuerySet(models.QuerySet["Notice"]):
    def on_the_way(self) -> "NoticeQuerySet":
        return self.filter(delivered_at__isnull=True, given_up_at__isnull=True)

    def due(self, now: datetime) -> "NoticeQuerySet":
        """To be delivered now, and in nobody's hands."""
        return self.on_the_way().filter(Q(lease_until__isnull=True) | Q(lease_until__lte=now), next_at__lte=now)

    def of_alarms(self) -> "NoticeQuerySet":
        return self.filter(kind__in=(NoticeKind.ALARM, NoticeKind.CLEARING))


class FoundBatchQuerySet(models.QuerySet["FoundBatch"]):
    def open(self) -> "FoundBatchQuerySet":
        """Still running, or not read yet, or read and its answers not all stored: wait for them before settling."""
        return self.filter(Q(state__in=Found.open()) | Q(state=Found.MAPPED, batch__state=BatchState.ENDED))
