"""Doubtful submissions are settled by what the API lists, and by nothing else.

An unknown batch has candidates: Message Batches that came after the newest one known at the intent, of
the same number of requests, that no other row of ours is. A candidate is only watched, never
canceled, until a result line of it carries our token (adopted) or another's (struck off). No candidate
after the grace time is a proved absence: the documents go back and leave in a new batch under a new
token, and for 24 hours the API is watched for a late twin.
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from labeling import activity, asked_to_wait, batch_api, clock, faults
from labeling.batch_api import ApiError, MessageBatch
from labeling.configuration import Configuration, installation
from labeling.locks import only_one
from labeling.messages import custom_ids
from labeling.models import Account, Batch, Candidate
from labeling.pipeline import whose
from labeling.pipeline.accounts import account_of_key
from labeling.pipeline.mirror import mirrored
from labeling.states import BatchState, Lane, ProcessingStatus, Verdict
from labeling.transitions import batches, requests

log = logging.getLogger(__name__)

TWIN_WATCH = timedelta(hours=24)
CLOCK_SLACK = timedelta(minutes=15)
"""How far the API's clock and ours may differ; counts only where the newest known id is gone."""

_IN_THE_AIR = (BatchState.SUBMITTING, BatchState.UNKNOWN)


def settle_doubt(settings: Configuration, now: datetime) -> int:
    """Look once at what the API lists and settle what can be settled; returns how many batches were."""
    watched = list(Batch.objects.filter(_in_doubt(now)).select_related("account", "version__task"))
    if not watched or asked_to_wait.until(Lane.BATCH) or clock.is_off():
        return 0
    with only_one("doubt") as held:
        if not held:
            return 0
        try:
            account = account_of_key()
            listed = _list_back_to(watched)
        except ApiError as error:
            asked_to_wait.remember(Lane.BATCH, error.retry_after)
            Batch.objects.filter(pk__in=[b.pk for b in watched]).update(note=f"Looking for it failed: {error.message}")
            return 0
        faults.reach("doubt: listed")
        return sum(_settle(batch, listed, account, settings, now) for batch in watched)


def _in_doubt(now: datetime) -> Q:
    """Unknown batches, and absent ones whose late twin may still come to light."""
    return Q(state=BatchState.UNKNOWN) | Q(state=BatchState.ABSENT, doubt_since__gt=now - TWIN_WATCH)


def _list_back_to(watched: Iterable[Batch]) -> list[MessageBatch]:
    """Every Message Batch that is newer than what was known at each intent, newest first.

    Where a known id is gone, the list is read back to before the claim.
    """
    anchors = {batch.newest_known_id for batch in watched} - {""}
    earliest = min(batch.claimed_at for batch in watched if batch.claimed_at) - CLOCK_SLACK
    listed: list[MessageBatch] = []
    for mirror in batch_api.list_batches(limit=100):
        listed.append(mirror)
        anchors.discard(mirror.id)
        if not anchors and mirror.created_at < earliest:
            break
        if mirror.created_at < earliest - TWIN_WATCH:
            break
    return listed


def _settle(batch: Batch, listed: list[MessageBatch], account: Account, settings: Configuration, now: datetime) -> bool:
    if batch.account_id != account.pk:
        Batch.objects.filter(pk=batch.pk).update(
            note=f"It was sent with {batch.account}; the key in use belongs to {account} and cannot see it."
        )
        return False
    _note_candidates(batch, listed)
    faults.reach("doubt: candidates noted")
    mirrors = {mirror.id: mirror for mirror in listed}
    for candidate in batch.candidates.filter(verdict=Verdict.WATCHED):
        mirror = mirrors.get(candidate.message_batch_id)
        if mirror and mirror.processing_status == ProcessingStatus.ENDED:
            _decide(batch, candidate, mirror, now)
    batch.refresh_from_db()
    if batch.state == BatchState.UNKNOWN and _absence_is_proved(batch, settings, now):
        return _declare_absent(batch, settings)
    return batch.state == BatchState.ENDED


def _note_candidates(batch: Batch, listed: list[MessageBatch]) -> None:
    """Remember what may be ours, and that other programs work in this workspace."""
    newer = _newer_than_intent(batch, listed)
    known = Batch.objects.filter(message_batch_id__in=[mirror.id for mirror in newer])
    # What a person adopted by hand is known only when its lines were read.
    ours = set(known.exclude(doubt_since__isnull=False, ingested_at=None).values_list("message_batch_id", flat=True))
    in_the_air = set(Batch.objects.filter(state__in=_IN_THE_AIR).values_list("request_total", flat=True))
    for mirror in newer:
        if mirror.id in ours:
            continue
        if mirror.counts.total == batch.request_total:
            Candidate.objects.get_or_create(
                batch=batch, message_batch_id=mirror.id, defaults={"created_at": mirror.created_at}
            )
        elif mirror.counts.total not in in_the_air:
            _note_stranger(batch, mirror)


def _note_stranger(batch: Batch, mirror: MessageBatch) -> None:
    """Another program works in this workspace."""
    Account.objects.filter(batch=batch).update(foreign_batch_id=mirror.id, foreign_seen_at=mirror.created_at)


def _newer_than_intent(batch: Batch, listed: list[MessageBatch]) -> list[MessageBatch]:
    """The part of the list above the newest id known at the intent; by time only where that id is gone."""
    ids = [mirror.id for mirror in listed]
    if batch.newest_known_id in ids:
        return listed[: ids.index(batch.newest_known_id)]
    if not batch.newest_known_id:
        return listed
    assert batch.claimed_at
    assert batch.deadline
    earliest, latest = batch.claimed_at - CLOCK_SLACK, batch.deadline + CLOCK_SLACK
    return [mirror for mirror in listed if earliest <= mirror.created_at <= latest]


def _decide(batch: Batch, candidate: Candidate, mirror: MessageBatch, now: datetime) -> None:
    """An ended candidate tells by its lines whose it is; a failed reading leaves it watched."""
    try:
        custom_id = whose.custom_id_of(candidate.message_batch_id, batch.token)
    except ApiError as error:
        log.warning("candidate %s of %s: %s", candidate.message_batch_id, batch, error.message)
        return
    faults.reach("doubt: lines read")
    if custom_id is None:
        log.warning("candidate %s of %s brought no line that can be read", candidate.message_batch_id, batch)
        return
    own = custom_ids.parse(custom_id, installation())
    if own is None:
        _note_stranger(batch, mirror)
    with transaction.atomic():
        if own is None or own.token != batch.token:
            verdict, why = Verdict.ANOTHERS, "Its lines carry another token."
        else:
            verdict, why = _claim_for(batch, mirror), f"The line {custom_id} carries its token."
        if verdict is Verdict.WATCHED:
            return
        Candidate.objects.filter(pk=candidate.pk, verdict=Verdict.WATCHED).update(
            verdict=verdict, why=why, decided_at=now
        )
        faults.reach("doubt: deciding")
    faults.reach("doubt: decided")


def _claim_for(batch: Batch, mirror: MessageBatch) -> Verdict:
    """A Message Batch that carries the token of this batch: adopted, or paid beside what was sent again since.

    WATCHED while a person has given its id to another batch, which gives it back when it reads the lines.
    """
    other = Batch.objects.filter(message_batch_id=mirror.id).exclude(pk=batch.pk).first()
    if other:
        note = f"{mirror.id} carries its token, and was given to {other} by hand: it waits until {other} gives it back."
        Batch.objects.filter(pk=batch.pk).update(note=note)
        return Verdict.WATCHED
    if _adopt(batch, mirror):
        return Verdict.OURS
    # It was absent before, or a person was faster and settled it by hand.
    batch.refresh_from_db()
    if batch.state == BatchState.ABSENT:
        _warn_of_twin(batch, mirror)
        return Verdict.LATE_TWIN
    return Verdict.OURS


def _adopt(batch: Batch, mirror: MessageBatch) -> bool:
    return batches.move(
        batch,
        BatchState.UNKNOWN,
        BatchState.ENDED,
        by="recover",
        why=f"a result line of {mirror.id} carries our token",
        message_batch_id=mirror.id,
        lease_until=None,  # the dead sender's: it would keep the results waiting
        ended_at=mirror.ended_at or mirror.expires_at,
        note="",
        **mirrored(mirror),
    )


def _absence_is_proved(batch: Batch, settings: Configuration, now: datetime) -> bool:
    """The grace time after the sender was surely done has passed and nothing is left to watch."""
    assert batch.doubt_since
    grace_is_over = now >= batch.doubt_since + timedelta(seconds=settings.doubt_grace_seconds)
    return grace_is_over and not batch.candidates.filter(verdict=Verdict.WATCHED).exists()


def _declare_absent(batch: Batch, settings: Configuration) -> bool:
    why = f"not in the API's list {settings.doubt_grace_seconds:g} s after its sender was done"
    with transaction.atomic():
        if not batches.move(batch, BatchState.UNKNOWN, BatchState.ABSENT, by="recover", why=why, note=""):
            return False
        requests.release_unsent(batch=batch)
        activity.record("recover", f"{batch} never reached the API; its documents go again", str(batch))
        faults.reach("doubt: declaring absent")
    faults.reach("doubt: declared absent")
    return True


def _warn_of_twin(batch: Batch, mirror: MessageBatch) -> None:
    sentence = (
        f"{mirror.id} is a late twin of {batch}, whose absence had counted as proved: "
        f"{mirror.counts.succeeded:,} of its requests were paid a second time."
    )
    Batch.objects.filter(pk=batch.pk).update(note=sentence)
    batches.record(batch, batch.state, batch.state, by="recover", why=sentence)
    activity.record("recover", sentence, str(batch))
