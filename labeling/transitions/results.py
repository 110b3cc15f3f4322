"""Storing what came back: one statement for a chunk of results, idempotent per document and request.

The open Request is the guard: what is settled already is left as it is, so a chunk can be stored
twice, by two processes, or again after a crash, and every answer is booked once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

from django.db import connection, transaction

from labeling import faults
from labeling.messages.answers import storable
from labeling.models import StrayLine
from labeling.money.pricing import Usage
from labeling.states import DocumentState, Outcome

from .copies import follow_leaders, let_heirs_take_over
from .locking import lock_erasing_shared
from .waste import Waste, book_waste

_COLUMNS = (
    "document_id, outcome, result_type, stop_reason, error_type, usable, goes_again, failure_reason, answer, model, "
    "api_request_id, input_tokens, cache_write_5m_tokens, cache_write_1h_tokens, cache_read_tokens, output_tokens, "
    "list_usd, paid_usd"
)

_CREATE_READING = """
    CREATE TEMPORARY TABLE IF NOT EXISTS reading (
        document_id bigint, outcome text, result_type text, stop_reason text, error_type text, usable boolean,
        goes_again boolean, failure_reason text, answer text, model text, api_request_id text,
        input_tokens int, cache_write_5m_tokens int, cache_write_1h_tokens int, cache_read_tokens int,
        output_tokens int, list_usd numeric(20, 12), paid_usd numeric(20, 12)
    ) ON COMMIT DELETE ROWS
"""

_SETTLE = """
    WITH fresh AS (
        UPDATE labeling_request r SET outcome = t.outcome, ended_at = %(now)s,
            reserved_usd = CASE WHEN t.paid_usd IS NULL THEN r.reserved_usd END
        FROM reading t
        WHERE r.document_id = t.document_id AND r.outcome = 'open'
            AND r.batch_id IS NOT DISTINCT FROM %(batch)s AND r.version_id = %(version)s
        RETURNING r.id, t.*
    ), erased AS (
        SELECT f.id, EXISTS (
            SELECT 1 FROM labeling_document c WHERE c.leader_id = d.id AND c.erasure_id IS NULL
        ) AS is_shared
        FROM fresh f JOIN labeling_document d ON d.id = f.document_id WHERE d.erasure_id IS NOT NULL
    ), stored AS (
        INSERT INTO labeling_result (
            request_id, result_type, stop_reason, error_type, usable, failure_reason, answer, model, api_request_id,
            input_tokens, cache_write_5m_tokens, cache_write_1h_tokens, cache_read_tokens, output_tokens,
            list_usd, paid_usd, created_at)
        SELECT id, result_type, stop_reason, error_type, usable, failure_reason,
            CASE WHEN id IN (SELECT id FROM erased WHERE NOT is_shared) THEN '' ELSE answer END, model, api_request_id,
            input_tokens, cache_write_5m_tokens, cache_write_1h_tokens, cache_read_tokens, output_tokens,
            list_usd, paid_usd, %(now)s
        FROM fresh
    ), become AS (
        SELECT f.id AS request_id, d.id AS document_id, CASE
                WHEN f.usable THEN 'labeled'
                WHEN f.outcome = 'canceled' THEN %(canceled_become)s
                WHEN f.goes_again AND d.attempts - d.attempts_before < %(max_attempts)s THEN 'queued'
                ELSE 'failed' END AS state, d.result_id AS before
        FROM fresh f JOIN labeling_document d ON d.id = f.document_id
    ), moved AS (
        UPDATE labeling_document d SET
            state = CASE WHEN d.unwanted THEN 'withdrawn' ELSE b.state END,
            withdrawn_from = CASE
                WHEN d.unwanted AND b.state <> 'withdrawn' THEN b.state
                WHEN d.unwanted OR b.state = 'withdrawn' THEN 'queued' ELSE '' END,
            unwanted = FALSE,
            failure_reason = CASE
                WHEN f.usable OR f.outcome = 'canceled' THEN ''
                WHEN f.goes_again AND d.attempts - d.attempts_before < %(max_attempts)s THEN ''
                WHEN f.goes_again THEN 'too_many_attempts'
                ELSE f.failure_reason END,
            way = CASE
                WHEN f.outcome = 'canceled' THEN 'tonight'
                WHEN f.goes_again AND d.way = 'tonight' THEN 'now'
                ELSE d.way END,
            queued_at = CASE WHEN f.outcome = 'canceled' THEN %(now)s ELSE d.queued_at END,
            not_before = CASE WHEN f.goes_again AND f.outcome <> 'canceled' THEN %(again_at)s::timestamptz END,
            result_id = CASE WHEN f.usable THEN f.id ELSE d.result_id END
        FROM fresh f JOIN become b ON b.request_id = f.id
        WHERE d.id = f.document_id AND d.state = 'batched'
        RETURNING d.id, d.state, d.upload_id, d.encoded_bytes
    ), booked AS (
        INSERT INTO labeling_spendtally (
            day, version_id, model, account_id, lane, results, usable, unpriced, prompt_tokens, output_tokens,
            list_usd, paid_usd, wasted_usd, withdrawn_usd)
        SELECT %(day)s, %(version)s, %(model)s, %(account)s, %(lane)s, count(*), count(*) FILTER (WHERE usable),
            count(*) FILTER (WHERE paid_usd IS NULL),
            sum(input_tokens + cache_write_5m_tokens + cache_write_1h_tokens + cache_read_tokens), sum(output_tokens),
            COALESCE(sum(list_usd), 0), COALESCE(sum(paid_usd), 0),
            COALESCE(sum(paid_usd) FILTER (WHERE NOT usable OR moved.state = 'withdrawn'), 0),
            COALESCE(sum(paid_usd) FILTER (WHERE usable AND moved.state = 'withdrawn'), 0)
        FROM fresh LEFT JOIN moved ON moved.id = fresh.document_id HAVING count(*) > 0
    ), counted AS (
        INSERT INTO labeling_answertally (
            upload_id, version_id, answers, unpriced, document_bytes, prompt_tokens, output_tokens, list_usd, paid_usd)
        SELECT m.upload_id, %(version)s, count(*), count(*) FILTER (WHERE f.paid_usd IS NULL), sum(m.encoded_bytes),
            sum(f.input_tokens + f.cache_write_5m_tokens + f.cache_write_1h_tokens + f.cache_read_tokens),
            sum(f.output_tokens), COALESCE(sum(f.list_usd), 0), COALESCE(sum(f.paid_usd), 0)
        FROM moved m JOIN fresh f ON f.document_id = m.id
        WHERE f.outcome = 'succeeded' GROUP BY m.upload_id
    )
    SELECT f.id, f.document_id, EXISTS (SELECT 1 FROM moved WHERE state = 'withdrawn'), f.id IN (SELECT id FROM erased),
        CASE WHEN f.usable THEN b.before END
    FROM fresh f LEFT JOIN become b ON b.request_id = f.id
"""

_KNOWN_LINES = """
    SELECT r.document_id, r.custom_id, l.line, d.erasure_id IS NOT NULL
    FROM labeling_request r
    JOIN labeling_document d ON d.id = r.document_id
    LEFT JOIN labeling_resultline l ON l.request_id = r.id
    WHERE r.batch_id = %(batch)s AND r.document_id = ANY(%(documents)s)
"""


@dataclass(frozen=True, slots=True)
class Reading:
    """One answer, read and judged: what the rules made of a result line."""

    document_id: int
    outcome: Outcome
    result_type: str
    line: str
    stop_reason: str = ""
    error_type: str = ""
    usable: bool = False
    goes_again: bool = False
    failure_reason: str = ""
    answer: str = ""
    model: str = ""
    api_request_id: str = ""
    usage: Usage = field(default_factory=Usage)
    list_usd: Decimal | None = None
    paid_usd: Decimal | None = None

    def columns(self) -> tuple[object, ...]:
        """As PostgreSQL can keep them: words of the API may be any text."""
        u = self.usage
        return (
            self.document_id,
            self.outcome.value,
            storable(self.result_type),
            storable(self.stop_reason),
            self.error_type,
            self.usable,
            self.goes_again,
            self.failure_reason,
            self.answer,
            storable(self.model),
            self.api_request_id,
            u.input_tokens,
            u.cache_write_5m_tokens,
            u.cache_write_1h_tokens,
            u.cache_read_tokens,
            u.output_tokens,
            self.list_usd,
            self.paid_usd,
        )


@dataclass(frozen=True, slots=True)
class Booking:
    """What the readings of one chunk have in common: whose money, at the prices of which day.

    `zone` is the site's: a label in whose place a newer one came was paid on its own day.
    """

    batch_id: int | None
    version_id: int
    model: str
    account_id: int | None
    lane: str
    day: date
    zone: str
    max_attempts: int
    again_at: datetime
    canceled_become: DocumentState = DocumentState.QUEUED


def settle(readings: Sequence[Reading], booking: Booking, now: datetime) -> int:
    """Book a chunk of answers of one version in one transaction; returns how many were new.

    A chunk names each document once. Lines of a batch that answer none of its open requests, and say
    something else than what is stored, are kept aside.
    """
    if not readings:
        return 0
    parameters: dict[str, Any] = {
        "now": now,
        "batch": booking.batch_id,
        "version": booking.version_id,
        "model": booking.model,
        "account": booking.account_id,
        "lane": booking.lane,
        "day": booking.day,
        "max_attempts": booking.max_attempts,
        "again_at": booking.again_at,
        "canceled_become": booking.canceled_become,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        lock_erasing_shared()
        _copy_readings(cursor, readings)
        cursor.execute(_SETTLE, parameters)
        rows = cursor.fetchall()
        settled = {document_id: request_id for request_id, document_id, *_ in rows}
        erased = {document_id for _, document_id, _, is_erased, _ in rows if is_erased}
        book_waste([(row[1], row[4]) for row in rows], Waste.SUPERSEDED, zone=booking.zone)
        kept = settled.keys() - erased
        _copy_lines(cursor, (r for r in readings if r.document_id in kept), settled)
        if booking.batch_id is not None and len(settled) < len(readings):
            _keep_aside([r for r in readings if r.document_id not in settled], booking.batch_id)
        follow_leaders(list(settled))
        if rows and rows[0][2]:
            let_heirs_take_over()
        faults.reach("results: settled")
    faults.reach("results: committed")
    return len(settled)


def _copy_readings(cursor: Any, readings: Sequence[Reading]) -> None:
    cursor.execute(_CREATE_READING)
    cursor.execute("DELETE FROM reading")
    with cursor.copy(f"COPY reading ({_COLUMNS}) FROM STDIN") as copy:
        for reading in readings:
            copy.write_row(reading.columns())


def _copy_lines(cursor: Any, readings: Iterable[Reading], request_ids: Mapping[int, int]) -> None:
    """Raw lines take the short way into their table: most of the bytes of a chunk are theirs."""
    with cursor.copy("COPY labeling_resultline (request_id, line) FROM STDIN") as copy:
        for reading in readings:
            copy.write_row((request_ids[reading.document_id], reading.line))


def _keep_aside(readings: Sequence[Reading], batch_id: int) -> None:
    """Lines that answer no open request of the batch; the same line again is no news."""
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN_LINES, {"batch": batch_id, "documents": [r.document_id for r in readings]})
        known = {document_id: rest for document_id, *rest in cursor.fetchall()}
    strays = []
    for reading in readings:
        custom_id, line, is_erased = known.get(reading.document_id, ("", None, False))
        if line != reading.line and not is_erased:
            digest = sha256(reading.line.encode()).hexdigest()
            why = "repeated" if custom_id else "foreign"
            strays.append(
                StrayLine(batch_id=batch_id, custom_id=custom_id, why=why, line_sha256=digest, line=reading.line)
            )
    StrayLine.objects.bulk_create(strays, ignore_conflicts=True)
