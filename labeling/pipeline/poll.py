"""Batch (in_progress) -> mirror of the Message Batch; Batch (ended) when the API says so.

Only the API's word moves a batch: a failed poll is noted and changes nothing else, and a 404 for an
id that create returned is as transient as a timeout.
"""

from datetime import datetime, timedelta

from django.db.models import Q

from labeling import asked_to_wait, batch_api, faults
from labeling.batch_api import ApiError, MessageBatch
from labeling.configuration import Configuration
from labeling.models import Account, Batch
from labeling.pipeline.accounts import account_of_key
from labeling.pipeline.mirror import mirrored
from labeling.states import BatchState, Lane, ProcessingStatus
from labeling.transitions import batches

NEVER_SEEN_FOR = timedelta(minutes=15)
"""How long the API may not know an id that a person adopted: it was seen to answer 404 for living batches."""


def poll_due(settings: Configuration, now: datetime) -> int:
    """Ask for every batch whose next poll has come; returns how many were asked for."""
    due = (
        Batch.objects.at_the_api().filter(Q(next_poll_at__isnull=True) | Q(next_poll_at__lte=now)).order_by("polled_at")
    )
    asked, account = 0, None
    for batch in due.select_related("account"):
        if asked_to_wait.until(Lane.BATCH):
            break
        again_at = now + timedelta(seconds=settings.poll_seconds)
        # Pushed into the future first, so that neither two ticks nor a batch that raises poll in a circle.
        if not Batch.objects.filter(pk=batch.pk, next_poll_at=batch.next_poll_at).update(next_poll_at=again_at):
            continue
        faults.reach("poll: taken")
        account = account or _account()
        if account and batch.account_id != account.pk:
            note = f"It was sent with {batch.account}; the key in use belongs to {account}, so it is not polled."
            Batch.objects.filter(pk=batch.pk).update(note=note)
            continue
        poll(batch, now)
        asked += 1
    return asked


def _account() -> Account | None:
    """Whose batches the key in use can see; None when the API does not tell now."""
    try:
        return account_of_key()
    except ApiError:
        return None


def poll(batch: Batch, now: datetime) -> None:
    """Copy the API's word of one batch into its row."""
    if not batch.message_batch_id:
        return
    try:
        mirror = batch_api.retrieve_batch(batch.message_batch_id)
    except ApiError as error:
        asked_to_wait.remember(Lane.BATCH, error.retry_after)
        Batch.objects.filter(pk=batch.pk).update(note=f"The last poll failed: {error.message}", polled_at=now)
        if error.status == 404 and _was_never_there(batch, now):
            why = f"the API does not know {batch.message_batch_id}, which was adopted by hand"
            batches.give_back(batch, BatchState(batch.state), by="poll", why=why)
        return
    faults.reach("poll: answered")
    # An answer that was under way while the batch moved on is older than what the row says.
    told = Batch.objects.filter(pk=batch.pk, state=batch.state).update(polled_at=now, note="", **mirrored(mirror))
    faults.reach("poll: mirrored")
    if told:
        _follow(batch, mirror, now)


def _was_never_there(batch: Batch, now: datetime) -> bool:
    """An id that a person gave, and of which the API has not said a word since."""
    adopted = batch.events.filter(old=BatchState.UNKNOWN, new=BatchState.IN_PROGRESS)
    return batch.created_at is None and adopted.filter(at__lt=now - NEVER_SEEN_FOR).exists()


def _follow(batch: Batch, mirror: MessageBatch, now: datetime) -> None:
    state = BatchState(batch.state)
    if mirror.processing_status == ProcessingStatus.CANCELING and state == BatchState.IN_PROGRESS:
        batches.move(batch, state, BatchState.CANCELING, by="poll", why="canceled at the API")
    elif mirror.processing_status == ProcessingStatus.ENDED:
        batches.move(batch, state, BatchState.ENDED, by="poll", ended_at=mirror.ended_at or now)
