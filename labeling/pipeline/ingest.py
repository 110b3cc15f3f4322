"""Batch (ended) -> Results by custom_id; Documents (labeled | queued again | failed); Batch (ingested).

Idempotent: every download may be cut, repeated or run twice, and each request is settled once. A
batch is ingested only when every request of ours has its line, or four clean downloads lacked it.
"""

import hashlib
import logging
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from labeling import asked_to_wait, batch_api, faults, store
from labeling.ahead import read_ahead
from labeling.batch_api import ApiError
from labeling.configuration import Configuration, installation
from labeling.judge import Judge, read_line, storable_line
from labeling.locks import only_one
from labeling.messages import custom_ids
from labeling.messages.answers import storable
from labeling.messages.rules import ERROR_RULES
from labeling.models import Batch, Request, StrayLine
from labeling.money.terms import prices_of
from labeling.pipeline import whose
from labeling.states import BatchState, DocumentState, FailureReason, Lane, Outcome, Proof
from labeling.transitions import batches, requests, results
from labeling.transitions.results import Booking, Reading

log = logging.getLogger(__name__)

CHUNK_LINES = 10_000
CHUNK_BYTES = 16_000_000
DOWNLOAD_AGAIN_AFTER = (timedelta(0), timedelta(minutes=1), timedelta(minutes=5))
"""Waits after a clean download that lacked lines; what lacks after the last one is missing."""


def ingest(batch: Batch, settings: Configuration) -> bool:
    """Fetch and store the results of an ended batch; True once every request of it is settled.

    Nothing is fetched while the disk could not hold it, or while the API asked to wait.
    """
    if asked_to_wait.until(Lane.BATCH):
        return False
    try:
        store.require_free(settings.min_free_bytes)
    except store.DiskLow as low:
        Batch.objects.filter(pk=batch.pk).update(note=str(low))
        return False
    with only_one(f"ingest {batch.pk}") as held:
        if not held or not Batch.objects.filter(pk=batch.pk, state=BatchState.ENDED).exists():
            return False
        with batches.counted(batch) as may_try:
            return may_try and _fetch(batch, settings)


def _fetch(batch: Batch, settings: Configuration) -> bool:
    try:
        if batch.doubt_since and not _carries_its_token(batch):
            return _give_back(batch)
        _download(batch, settings)
    except ApiError as error:
        asked_to_wait.remember(Lane.BATCH, error.retry_after)
        log.warning("results of %s: %s", batch, error.message)
        Batch.objects.filter(pk=batch.pk).update(note=f"Fetching the results failed: {error.message}")
        return False
    faults.reach("ingest: downloaded")
    lacking = Request.objects.filter(batch=batch, outcome=Outcome.OPEN)
    if lacking.exists() and not _may_be_given_up(batch):
        return False
    requests.end_without_answer(lacking.values_list("pk", flat=True), Outcome.MISSING, FailureReason.MISSING)
    faults.reach("ingest: lacking ended")
    return _finish(batch)


def _carries_its_token(batch: Batch) -> bool:
    """Looked at where the id was found after a doubt: a person may have adopted another's."""
    custom_id = whose.custom_id_of(str(batch.message_batch_id), batch.token)
    own = custom_ids.parse(custom_id, installation())
    return custom_id is None or (own is not None and own.token == batch.token)


def _give_back(batch: Batch) -> bool:
    """Nothing of it is booked, and its requests are in doubt as before."""
    why = f"{batch.message_batch_id} was adopted by hand, and its lines carry another token"
    batches.give_back(batch, BatchState.ENDED, by="ingest", why=why)
    return False


def _download(batch: Batch, settings: Configuration) -> None:
    """One pass over the result lines; while a chunk is stored, the next one is fetched and read."""
    own, judge, booking = installation(), _judge(batch, settings), _booking(batch, settings)
    with batch_api.result_lines(str(batch.message_batch_id)) as lines:
        faults.reach("ingest: stream open")
        with closing(read_ahead(_chunks(lines, own, batch.token, judge))) as chunks:
            for chunk in chunks:
                _store(batch, chunk, booking)


@dataclass(slots=True)
class _Chunk:
    """Readings by document, so that each is there once, and the lines that are not ours."""

    readings: dict[int, Reading] = field(default_factory=dict)
    strays: list[tuple[bytes, str, str]] = field(default_factory=list)
    size: int = 0

    def is_full(self) -> bool:
        return len(self.readings) + len(self.strays) >= CHUNK_LINES or self.size >= CHUNK_BYTES


def _chunks(lines: Iterator[bytes], own: str, token: str, judge: Judge) -> Iterator[_Chunk]:
    """Read and judge lines; touches no row, because it runs beside the thread that stores."""
    chunk = _Chunk()
    for line in lines:
        faults.reach("ingest: line read")
        read = read_line(line)
        custom_id = custom_ids.parse(read[0], own) if read else None
        if chunk.is_full() or (custom_id and custom_id.document_id in chunk.readings):
            yield chunk
            chunk = _Chunk()
        chunk.size += len(line)
        if read is None:
            chunk.strays.append((line, "", "unreadable"))
        elif custom_id is None or custom_id.token != token:
            chunk.strays.append((line, str(read[0]), "foreign"))
        else:
            reading = judge.result(custom_id.document_id, read[1], storable_line(line))
            chunk.readings[custom_id.document_id] = reading
    yield chunk


def _store(batch: Batch, chunk: _Chunk, booking: Booking) -> None:
    for line, custom_id, why in chunk.strays:
        _keep_aside(batch, line, custom_id, why)
    results.settle([chunk.readings[document_id] for document_id in sorted(chunk.readings)], booking, timezone.now())
    faults.reach("ingest: chunk stored")


def _judge(batch: Batch, settings: Configuration) -> Judge:
    prices = prices_of([batch.version.model])
    return Judge(batch.version.spec, prices, _day(batch, settings), Lane.BATCH)


def _booking(batch: Batch, settings: Configuration) -> Booking:
    return Booking(
        batch_id=batch.pk,
        version_id=batch.version_id,
        model=batch.version.model,
        account_id=batch.account_id,
        lane=Lane.BATCH.value,
        day=_day(batch, settings),
        zone=settings.time_zone,
        max_attempts=settings.max_attempts,
        canceled_become=DocumentState.WITHDRAWN if batch.withdraw_canceled else DocumentState.QUEUED,
        again_at=timezone.now() + timedelta(seconds=settings.retry_backoff_seconds),
    )


def _day(batch: Batch, settings: Configuration) -> date:
    """Money belongs to the local day on which the batch was created, and so do its prices."""
    created: datetime = batch.created_at or batch.built_at
    return created.astimezone(settings.zone).date()


def _keep_aside(batch: Batch, line: bytes, custom_id: str, why: str) -> None:
    log.warning("%s brought a line that is %s", batch, why)
    StrayLine.objects.get_or_create(
        batch=batch,
        line_sha256=hashlib.sha256(line).hexdigest(),
        defaults={"custom_id": storable(custom_id[:200]), "why": why, "line": storable_line(line)},
    )


def _may_be_given_up(batch: Batch) -> bool:
    """Count a clean download that lacked lines; True after the last one, else the next is arranged."""
    tries = batch.ingest_tries
    if tries >= len(DOWNLOAD_AGAIN_AFTER):
        return True
    again_at = timezone.now() + DOWNLOAD_AGAIN_AFTER[tries]
    Batch.objects.filter(pk=batch.pk).update(
        ingest_tries=tries + 1,
        not_before=again_at,
        note="The results lacked some of our requests; they are read again.",
    )
    faults.reach("ingest: lack counted")
    return False


def _finish(batch: Batch) -> bool:
    """ended to ingested, with the totals frozen on the row; what was paid takes the place of what was reserved.

    Where an answer has no known price the worst case stays reserved: an unknown price is not nothing.
    """
    with transaction.atomic():
        totals = _totals(batch)
        if not totals["unpriced_results"]:
            totals["reserved_usd"] = 0
        return batches.move(
            batch,
            BatchState.ENDED,
            BatchState.INGESTED,
            by="ingest",
            ingested_at=timezone.now(),
            note="",
            proof=Proof.DUE,
            **totals,
        )


def _totals(batch: Batch) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*), count(*) FILTER (WHERE s.paid_usd IS NULL),
                COALESCE(sum(
                    s.input_tokens + s.cache_write_5m_tokens + s.cache_write_1h_tokens + s.cache_read_tokens), 0),
                COALESCE(sum(s.output_tokens), 0), COALESCE(sum(s.list_usd), 0), COALESCE(sum(s.paid_usd), 0)
            FROM labeling_request r JOIN labeling_result s ON s.request_id = r.id WHERE r.batch_id = %s
            """,
            [batch.pk],
        )
        names = ("lines_read", "unpriced_results", "input_tokens", "output_tokens", "list_usd", "paid_usd")
        return {**dict(zip(names, cursor.fetchone(), strict=True)), **_what_came_of(batch, cursor)}


def _what_came_of(batch: Batch, cursor: Any) -> dict[str, Any]:
    """How many answers can be used, and of the others how many for each reason; what goes again, by its outcome."""
    cursor.execute(
        """
        SELECT COALESCE(s.usable, false), CASE
            WHEN r.outcome IN ('expired', 'canceled', 'missing') THEN r.outcome
            WHEN s.failure_reason = 'unknown_outcome' AND s.error_type = ANY(%s) THEN r.outcome
            ELSE COALESCE(NULLIF(s.failure_reason, ''), r.outcome) END, count(*)
        FROM labeling_request r LEFT JOIN labeling_result s ON s.request_id = r.id
        WHERE r.batch_id = %s GROUP BY 1, 2
        """,
        [[error_type for error_type, rule in ERROR_RULES.items() if rule.again], batch.pk],
    )
    rows = cursor.fetchall()
    return {
        "usable_results": sum(number for usable, _, number in rows if usable),
        "not_usable": {reason: number for usable, reason, number in rows if not usable},
    }
