"""Cancel a batch: a person wishes, the worker asks, and only the API's word moves it.

What finished before is kept and paid; what did not goes back to the queue or is withdrawn, as the
person chose, when the results are in.
"""

import logging
from typing import Any

from django.db import transaction
from django.utils import timezone

from labeling import activity, asked_to_wait, faults
from labeling.models import Batch
from labeling.states import BatchState, Lane
from labeling.transitions import batches, requests

log = logging.getLogger(__name__)


def request_cancel(batch: Batch, *, by: Any, withdraw: bool) -> bool:
    """Remember the wish; a batch that was not sent yet is dissolved at once. False where nothing can be canceled."""
    name = activity.name_of(by)
    with transaction.atomic():
        if batches.move(batch, BatchState.BUILDING, BatchState.REJECTED, by=name, why="canceled before it was sent"):
            requests.release_unsent(batch=batch)
            changed = True
        else:
            changed = bool(
                Batch.objects.filter(
                    pk=batch.pk, state=BatchState.IN_PROGRESS, cancel_requested_at__isnull=True
                ).update(cancel_requested_at=timezone.now(), cancel_requested_by=name, withdraw_canceled=withdraw)
            )
        if changed:
            after = "withdrawn" if withdraw else "queued again"
            activity.record(by, f"Canceled {batch}; what is not finished is {after}", str(batch))
        faults.reach("cancel: wished")
    return changed


def ask_for_cancels() -> int:
    """Ask the API for every wished cancel; an error is noted and the next tick asks again."""
    from labeling import batch_api  # pages wish for cancels, and the web process does not load the SDK

    asked = 0
    wished = Batch.objects.filter(state=BatchState.IN_PROGRESS, cancel_requested_at__isnull=False)
    for batch in wished:
        if asked_to_wait.until(Lane.BATCH):
            break
        try:
            faults.reach("cancel: asking")
            batch_api.cancel_batch(str(batch.message_batch_id))
        except batch_api.ApiError as error:
            # It may have ended meanwhile; the poll finds out.
            asked_to_wait.remember(Lane.BATCH, error.retry_after)
            log.warning("cancel of %s: %s", batch, error.message)
            Batch.objects.filter(pk=batch.pk).update(note=f"The cancel was not accepted yet: {error.message}")
            continue
        faults.reach("cancel: answered")
        batches.move(batch, BatchState.IN_PROGRESS, BatchState.CANCELING, by=batch.cancel_requested_by)
        asked += 1
    return asked
