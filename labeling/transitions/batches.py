"""The moves of a batch. Each leaves a BatchEvent: from, to, when, who, why."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from labeling import faults
from labeling.models import Account, Batch, BatchEvent, Candidate
from labeling.querysets import MOST_UNFINISHED_TRIES
from labeling.states import BatchState, Verdict

from .gates import OPEN_GATES

_NEVER_CHARGED = (BatchState.REJECTED, BatchState.ABSENT)


def move(batch: Batch, source: BatchState, target: BatchState, *, by: str, why: str = "", **fields: Any) -> bool:
    """One guarded UPDATE; True if this call moved the batch, and then the instance is up to date.

    What was reserved for a batch that was not accepted is free again.
    """
    if target in _NEVER_CHARGED:
        fields["reserved_usd"] = 0
    with transaction.atomic():
        if not Batch.objects.filter(pk=batch.pk, state=source).update(state=target, **fields):
            return False
        record(batch, source, target, by=by, why=why)
        faults.reach(f"batch {target}: moving")
    faults.reach(f"batch {target}: moved")
    batch.refresh_from_db()
    return True


@contextmanager
def counted(batch: Batch) -> Iterator[bool]:
    """Counts the work on a batch before it, and takes that back after it; False for one that was set aside.

    What stays counted is the work whose worker never came back: killed, out of memory, out of time.
    """
    few_enough = Batch.objects.filter(pk=batch.pk, unfinished_tries__lt=MOST_UNFINISHED_TRIES)
    may_try = bool(few_enough.update(unfinished_tries=F("unfinished_tries") + 1))
    if not may_try:
        Batch.objects.filter(pk=batch.pk).update(
            note=f"Work on it ended its worker {MOST_UNFINISHED_TRIES} times; it was set aside."
        )
    try:
        yield may_try
    except (Exception, KeyboardInterrupt):
        _came_back(batch, may_try)
        raise
    _came_back(batch, may_try)


def _came_back(batch: Batch, tried: bool) -> None:
    if tried:
        Batch.objects.filter(pk=batch.pk).update(unfinished_tries=0)


def give_back(batch: Batch, source: BatchState, *, by: str, why: str) -> bool:
    """To unknown: the id that a person adopted is not that of this batch, and is nobody's again."""
    now = timezone.now()
    verdict = {"verdict": Verdict.ANOTHERS, "why": f"Adopted by hand and given back: {why}.", "decided_at": now}
    seen = {"created_at": batch.created_at or now, **verdict}
    with transaction.atomic():
        Candidate.objects.update_or_create(
            batch=batch, message_batch_id=batch.message_batch_id, defaults=verdict, create_defaults=seen
        )
        gone = move(batch, source, BatchState.UNKNOWN, by=by, why=why, note=f"In doubt again: {why}.", **_NO_ID)
        transaction.set_rollback(not gone)
    return gone


_NO_ID: dict[str, Any] = {
    **dict.fromkeys(("message_batch_id", "created_at", "expires_at", "ended_at", "polled_at", "next_poll_at")),
    **dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired", "ingest_tries"), 0),
    "processing_status": "",
    "cancel_requested_at": None,
    "cancel_requested_by": "",
    "withdraw_canceled": False,
}
"""A batch that the API is not known to have."""


def record(batch: Batch, old: str, new: str, *, by: str, why: str = "") -> None:
    BatchEvent.objects.create(batch=batch, old=old, new=new, by=by, why=why)


def claim_create(batch: Batch, account: Account, *, deadline: datetime, now: datetime, newest_known_id: str) -> bool:
    """building to submitting: the intent, committed before the one create call.

    False if somebody else has it, if it may not go yet, or if a gate is closed.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                WITH {OPEN_GATES}
                UPDATE labeling_batch SET
                    state = 'submitting', account_id = %(account)s, claimed_at = %(now)s, deadline = %(deadline)s,
                    newest_known_id = %(newest)s, submit_tries = submit_tries + 1, not_before = NULL
                WHERE id = %(batch)s AND state = 'building' AND (not_before IS NULL OR not_before <= %(now)s)
                    AND NOT EXISTS (SELECT 1 FROM gates WHERE closed_at IS NOT NULL)
                """,
                {
                    "batch": batch.pk,
                    "account": account.pk,
                    "now": now,
                    "deadline": deadline,
                    "newest": newest_known_id,
                    "gate_tasks": [batch.version.task_id],
                },
            )
            if not cursor.rowcount:
                return False
        record(batch, BatchState.BUILDING, BatchState.SUBMITTING, by="submit", why=f"until {deadline:%H:%M:%S} UTC")
        faults.reach("submit: claiming")
    batch.refresh_from_db()
    return True
