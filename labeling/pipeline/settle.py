"""Batch (unknown) -> Batch (in_progress) or Batch (absent): a person says what became of an unclear create call.

Both are guarded: of two who settle the same batch one wins, and the other reads what it is now. A
batch only becomes unknown after its sender is surely done, so nothing is sent here and nothing can
still be on its way.
"""

import re
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from labeling import activity
from labeling.messages.prompts import BYTES_PER_TOKEN
from labeling.models import Batch, UnfinishedWork, Upload
from labeling.money.pricing import Usage
from labeling.money.terms import prices_of
from labeling.states import BatchState, Lane, UploadState, Verdict
from labeling.transitions import batches, requests

_MESSAGE_BATCH_ID = re.compile(r"msgbatch_[A-Za-z0-9_-]{1,71}")


class IdRefused(ValueError):
    """The id cannot be that of this batch; the message is a sentence for a person."""


def adopt(batch: Batch, message_batch_id: str, *, by: Any, why: str) -> bool:
    """unknown to in_progress under an id that a person found at the API.

    False, with the instance up to date, if the batch is not unknown any more. Raises IdRefused for
    what is no id of a Message Batch, and for the id of another batch.
    """
    message_batch_id = message_batch_id.strip()
    _require_free(batch, message_batch_id)
    try:
        with transaction.atomic():
            moved = batches.move(
                batch,
                BatchState.UNKNOWN,
                BatchState.IN_PROGRESS,
                by=activity.name_of(by),
                why=f"adopted {message_batch_id}: {why}",
                message_batch_id=message_batch_id,
                next_poll_at=timezone.now(),
                note="",
            )
            if moved:
                _note_verdict(batch, message_batch_id, by=by)
                activity.record(by, f"Adopted {message_batch_id} as {batch}: {why}", str(batch))
    except IntegrityError:
        # Somebody gave the id to another batch since it was checked.
        _require_free(batch, message_batch_id)
        raise
    if not moved:
        batch.refresh_from_db()
    return moved


def declare_absent(batch: Batch, *, by: Any, why: str) -> int:
    """unknown to absent: its requests end not_sent and its documents wait again; returns how many.

    0, with the instance up to date, if the batch is not unknown any more.
    """
    with transaction.atomic():
        if not batches.move(
            batch, BatchState.UNKNOWN, BatchState.ABSENT, by=activity.name_of(by), why=f"declared absent: {why}"
        ):
            batch.refresh_from_db()
            return 0
        released = requests.release_unsent(batch=batch)
        activity.record(by, f"Declared {batch} absent, {released} documents wait again: {why}", str(batch))
    return released


def try_again(row: Batch | Upload | UnfinishedWork, *, by: Any) -> bool:
    """What was set aside gets its tries back: a batch, an import, other work; False if it was not set aside."""
    if isinstance(row, UnfinishedWork):
        changed, _ = UnfinishedWork.objects.set_aside().filter(pk=row.pk).delete()
        if changed:
            activity.record(by, f"{row} is tried again", row.subject)
        return bool(changed)
    if isinstance(row, Batch):
        changed = Batch.objects.set_aside().filter(pk=row.pk).update(unfinished_tries=0, lease_until=None, note="")
    else:
        stuck = Upload.objects.filter(pk=row.pk, state__in=(UploadState.RECEIVED, UploadState.IMPORTING))
        changed = stuck.exclude(error="").update(import_tries=0, lease_until=None, error="")
    if changed:
        subject = str(row) if isinstance(row, Batch) else f"U-{row.pk}"
        activity.record(by, f"{subject} is tried again", subject)
    return bool(changed)


def money_at_risk(batch: Batch) -> Decimal | None:
    """USD that the batch costs at the batch price if every answer is as long as allowed; None: price unknown.

    Tokens of the prompts are estimated from the bytes of the body. Needs batch.version.
    """
    if not batch.request_total:
        return None
    version = batch.version
    prompt_tokens = -(-batch.body_bytes // (batch.request_total * BYTES_PER_TOKEN))
    prices = prices_of([version.model])
    day = (batch.claimed_at or batch.built_at).date()
    usage = Usage(input_tokens=prompt_tokens, output_tokens=version.max_tokens)
    cost = prices.cost(version.model, day, usage, Lane.BATCH)
    return cost.paid_usd * batch.request_total if cost else None


def _note_verdict(batch: Batch, message_batch_id: str, *, by: Any) -> None:
    """A candidate that a person adopted is not watched any more."""
    watched = batch.candidates.filter(message_batch_id=message_batch_id, verdict=Verdict.WATCHED)
    watched.update(verdict=Verdict.OURS, why=f"Adopted by {activity.name_of(by)}.", decided_at=timezone.now())


def _require_free(batch: Batch, message_batch_id: str) -> None:
    if not _MESSAGE_BATCH_ID.fullmatch(message_batch_id):
        raise IdRefused("That is no id of a Message Batch: it begins with msgbatch_.")
    owner = Batch.objects.filter(message_batch_id=message_batch_id).exclude(pk=batch.pk).first()
    if owner:
        raise IdRefused(f"{message_batch_id} is {owner} already.")
