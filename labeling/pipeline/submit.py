"""Batch (building) -> Batch (submitting), committed | create call | Batch (in_progress).

The create call is not idempotent, so there is one call for one committed claim, and what it brought
decides: an id, a refusal, "surely not accepted", or doubt. Doubt freezes the batch; nobody sends
its documents again before `recover` or a person has settled what happened.
"""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from django.db import close_old_connections, transaction
from django.db.models import Q
from django.utils import timezone

from labeling import asked_to_wait, batch_api, clock, counts, exact, faults, store
from labeling.batch_api import ApiError, Fault
from labeling.configuration import Configuration, installation
from labeling.locks import only_one
from labeling.messages import bodies, custom_ids
from labeling.messages.rules import SPEND_LIMIT_CODES
from labeling.models import Batch, Gate, Request
from labeling.pipeline.accounts import account_in_use
from labeling.pipeline.mirror import mirrored
from labeling.states import BatchState, Lane
from labeling.transitions import batches, gates, requests

log = logging.getLogger(__name__)

FIRST_PAUSE = timedelta(seconds=60)
LONGEST_PAUSE = timedelta(hours=1)
_TASK_STATUSES = frozenset({400, 404, 413})
SMALLEST_USD = Decimal("0.000000000001")


def submit(batch: Batch, settings: Configuration) -> bool:
    """Send one building batch; True if this call sent it or settled that it cannot go."""
    with only_one(f"submit {batch.pk}") as held:
        if not held or not _may_go(batch):
            return False
        if settings.canary and counts.wants_a_canary(batch, timezone.now()):
            _take_apart(batch)
            return False
        with batches.counted(batch) as may_try:
            return may_try and _write_and_send(batch, settings)


def _write_and_send(batch: Batch, settings: Configuration) -> bool:
    with store.temporary_file("spool") as file:
        body = bodies.write(file, batch.version.spec, _requests(batch))
        file.flush()
        faults.reach("submit: body written")
        if body.requests != batch.request_total:
            raise RuntimeError(f"{batch} has {batch.request_total} requests, its body {body.requests}")
        Batch.objects.filter(pk=batch.pk).update(
            body_bytes=body.bytes, body_sha256=body.sha256, requests_sha256=body.requests_sha256
        )
        faults.reach("submit: body noted")
        return _send(batch, Path(file.name), settings)


def _may_go(batch: Batch) -> bool:
    """Looked at before the body is written; the claim decides."""
    if asked_to_wait.until(Lane.BATCH) or clock.is_off():
        return False
    closed = Gate.objects.filter(Q(task=None) | Q(task=batch.version.task_id), closed_at__isnull=False)
    return (
        Batch.objects.past_back_off(timezone.now()).filter(pk=batch.pk, state=BatchState.BUILDING).exists()
        and not closed.exists()
    )


def _take_apart(batch: Batch) -> None:
    """Built long ago, and what proved its version proves nothing any more: a canary goes first once more."""
    why = "its canary is older than a day, or the life of its model has changed"
    with transaction.atomic():
        if batches.move(batch, BatchState.BUILDING, BatchState.REJECTED, by="submit", why=why):
            requests.release_unsent(batch=batch)


def _requests(batch: Batch) -> Iterator[tuple[str, str]]:
    """custom_id and text of every request whose text is there; the caller counts them."""
    return ((custom_id, text) for custom_id, text in exact.requests(batch) if text is not None)


def _send(batch: Batch, body: Path, settings: Configuration) -> bool:
    try:
        newest = next(batch_api.list_batches(limit=1), None)
    except ApiError as error:
        # Nothing was claimed or sent yet, so the batch may simply wait: for its time, or for a person.
        asked_to_wait.remember(Lane.BATCH, error.retry_after)
        Batch.objects.filter(pk=batch.pk).update(not_before=_pause_until(batch, error), note=error.message)
        if error.fault is Fault.PERMANENT:
            gates.close_gate(None, by="submit", kind="refusal", reason=f"The API refused a question: {error.message}")
        return False
    faults.reach("submit: newest known")
    account = account_in_use(newest.workspace_id if newest else "")
    now = timezone.now()
    deadline = now + timedelta(seconds=settings.create_timeout_seconds)
    if not batches.claim_create(
        batch, account, deadline=deadline, now=now, newest_known_id=newest.id if newest else ""
    ):
        return False
    try:
        faults.reach("submit: claimed")
        created = batch_api.create_batch(body, deadline=deadline)
    except ApiError as error:
        faults.reach("submit: refused")
        close_old_connections()
        _settle_refusal(batch, error)
        return True
    close_old_connections()
    _record_created(batch, created, settings)
    return True


def _record_created(batch: Batch, created: batch_api.Created, settings: Configuration) -> None:
    mirror = created.batch
    recorded = batches.move(
        batch,
        BatchState.SUBMITTING,
        BatchState.IN_PROGRESS,
        by="submit",
        why=f"created as {mirror.id}",
        account=account_in_use(created.workspace_id),
        message_batch_id=mirror.id,
        create_request_id=created.request_id,
        next_poll_at=timezone.now() + timedelta(seconds=settings.poll_seconds),
        note="",
        **mirrored(mirror),
    )
    if not recorded:
        # Frozen meanwhile, because the answer came after the deadline: whoever settles it is told the id.
        log.warning("%s was created as %s after its deadline", batch, mirror.id)
        Batch.objects.filter(pk=batch.pk).update(note=f"The answer came too late: it was created as {mirror.id}.")


def _settle_refusal(batch: Batch, error: ApiError) -> None:
    """No id came back: by the kind of fault back to building, in two halves, rejected, or frozen in doubt."""
    log.warning("create of %s: %s %s %s", batch, error.fault, error.status, error.error_type)
    asked_to_wait.remember(Lane.BATCH, error.retry_after)
    match error.fault:
        case Fault.TRANSIENT:
            batches.move(
                batch,
                BatchState.SUBMITTING,
                BatchState.BUILDING,
                by="submit",
                why=error.message,
                not_before=_pause_until(batch, error),
                note=error.message,
                **_NOT_CLAIMED,
            )
        case Fault.TOO_LARGE if batch.request_total > 1:
            _halve(batch, error)
        case Fault.PERMANENT | Fault.TOO_LARGE:
            _reject(batch, error)
        case Fault.UNCLEAR:
            batches.move(
                batch,
                BatchState.SUBMITTING,
                BatchState.UNKNOWN,
                by="submit",
                why=error.message,
                note=error.message,
                doubt_since=timezone.now(),
            )


_NOT_CLAIMED = {"claimed_at": None, "deadline": None}


def _reject(batch: Batch, error: ApiError) -> None:
    """Refused for good: the documents go back to the queue, and sending stops until a person has looked."""
    scope = batch.version.task if error.status in _TASK_STATUSES and error.error_code not in SPEND_LIMIT_CODES else None
    with transaction.atomic():
        if batches.move(
            batch, BatchState.SUBMITTING, BatchState.REJECTED, by="submit", why=error.message, note=error.message
        ):
            requests.release_unsent(batch=batch)
            gates.close_gate(scope, by="submit", kind="refusal", reason=f"{batch} was refused: {error.message}")


def _halve(batch: Batch, error: ApiError) -> None:
    """Too large for the API: the second half of the requests moves to a batch of its own."""
    with transaction.atomic():
        half = batch.request_total // 2
        kept_usd, moved_usd = _shares(batch, batch.request_total - half)
        first_of_second = Request.objects.filter(batch=batch).order_by("id").values_list("id", flat=True)[half]
        twin = Batch.objects.create(
            version=batch.version,
            night=batch.night,
            way=batch.way,
            token=custom_ids.new_token(),
            request_total=batch.request_total - half,
            limit_date=batch.limit_date,
            reserved_usd=moved_usd,
        )
        halved = batches.move(
            batch,
            BatchState.SUBMITTING,
            BatchState.BUILDING,
            by="submit",
            why=f"{error.message} Halved, the rest is {twin}.",
            request_total=half,
            reserved_usd=kept_usd,
            **_NOT_CLAIMED,
        )
        if not halved:
            transaction.set_rollback(True)
            return
        batches.record(twin, "", BatchState.BUILDING, by="submit", why=f"second half of {batch}")
        requests.move_requests(batch, twin, first_of_second, installation=installation())
        faults.reach("submit: halving")


def _shares(batch: Batch, moved: int) -> tuple[Decimal | None, Decimal | None]:
    """What stays reserved here and what goes with the requests that move; together it is what was reserved."""
    if batch.reserved_usd is None:
        return None, None
    goes = (batch.reserved_usd * moved / batch.request_total).quantize(SMALLEST_USD)
    return batch.reserved_usd - goes, goes


def _pause_until(batch: Batch, error: ApiError) -> datetime:
    growing = min(FIRST_PAUSE * 2 ** max(0, batch.submit_tries - 1), LONGEST_PAUSE)
    pause = timedelta(seconds=error.retry_after) if error.retry_after else growing
    return timezone.now() + pause
