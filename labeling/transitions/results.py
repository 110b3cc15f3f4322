"""Storing what came back: one statement for a chunk of results, idempotent per document and request.

The open Request is the guard: what is settled already is left as it is, so a chunk can be stored
twice, by two processes, or again after a crash, and every answer is booked once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from labeling import faults
from labeling.answers import storable
from labeling.pricing import Usage
from labeling.states import DocumentState, Outcome

from .documents import follow_leaders

_COLUMNS = (
    "document_id, outcome, result_type, stop_reason, error_type, usable, goes_again, failure_reason, answer, model, "
    "api_request_id, input_tokens, cache_write_5m_tokens, cache_write_1h_tokens, cache_read_tokens, output_tokens, "
    "list_usd, paid_usd, line"
)

_CREATE_READING = """
    CREATE TEMPORARY TABLE IF NOT EXISTS reading (
        document_id bigint, outcome text, result_type text, stop_reason text, error_type text, usable boolean,
        goes_again boolean, failure_reason text, answer text, model text, api_request_id text,
        input_tokens int, cache_write_5m_tokens int, cache_write_1h_tokens int, cache_read_tokens int,
        output_tokens int, list_usd numeric(20, 12), paid_usd numeric(20, 12), line text
    ) ON COMMIT DELETE ROWS
"""

_SETTLE = """
    WITH fresh AS (
        UPDATE labeling_request r SET outcome = t.outcome, ended_at = %(now)s
        FROM reading t
        WHERE r.document_id = t.document_id AND r.outcome = 'open'
            AND r.batch_id IS NOT DISTINCT FROM %(batch)s AND r.version_id = %(version)s
        RETURNING r.id, t.*
    ), stored AS (
        INSERT INTO labeling_result (
            request_id, result_type, stop_reason, error_type, usable, failure_reason, answer, model, api_request_id,
            input_tokens, cache_write_5m_tokens, cache_write_1h_tokens, cache_read_tokens, output_tokens,
            list_usd, paid_usd, created_at)
        SELECT id, result_type, stop_reason, error_type, usable, failure_reason, answer, model, api_request_id,
            input_tokens, cache_write_5m_tokens, cache_write_1h_tokens, cache_read_tokens, output_tokens,
            list_usd, paid_usd, %(now)s
        FROM fresh
    ), kept AS (
        INSERT INTO labeling_resultline (request_id, line) SELECT id, line FROM fresh
    ), booked AS (
        INSERT INTO labeling_spendtally (
            day, version_id, model, account_id, lane, results, usable, unpriced, prompt_tokens, output_tokens,
            list_usd, paid_usd, wasted_usd)
        SELECT %(day)s, %(version)s, %(model)s, %(account)s, %(lane)s, count(*), count(*) FILTER (WHERE usable),
            count(*) FILTER (WHERE paid_usd IS NULL),
            sum(input_tokens + cache_write_5m_tokens + cache_write_1h_tokens + cache_read_tokens), sum(output_tokens),
            COALESCE(sum(list_usd), 0), COALESCE(sum(paid_usd), 0),
            COALESCE(sum(paid_usd) FILTER (WHERE NOT usable), 0)
        FROM fresh HAVING count(*) > 0
    ), moved AS (
        UPDATE labeling_document d SET
            state = CASE
                WHEN f.usable THEN 'labeled'
                WHEN f.outcome = 'canceled' THEN %(canceled_become)s
                WHEN f.goes_again AND d.attempts - d.attempts_before < %(max_attempts)s THEN 'queued'
                ELSE 'failed' END,
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
        FROM fresh f WHERE d.id = f.document_id AND d.state = 'batched'
        RETURNING d.id
    )
    SELECT array_agg(id) FROM moved
"""

_STRAY = """
    INSERT INTO labeling_strayline (batch_id, custom_id, why, line_sha256, line, seen_at)
    SELECT %(batch)s, COALESCE(r.custom_id, ''), CASE WHEN r.id IS NULL THEN 'foreign' ELSE 'repeated' END,
        encode(sha256(convert_to(t.line, 'UTF8')), 'hex'), t.line, %(now)s
    FROM reading t
    LEFT JOIN labeling_request r ON r.document_id = t.document_id AND r.batch_id = %(batch)s
    LEFT JOIN labeling_resultline l ON l.request_id = r.id
    WHERE l.line IS DISTINCT FROM t.line
    ON CONFLICT DO NOTHING
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
            self.line,
        )


@dataclass(frozen=True, slots=True)
class Booking:
    """What the readings of one chunk have in common: whose money, at the prices of which day."""

    batch_id: int | None
    version_id: int
    model: str
    account_id: int | None
    lane: str
    day: date
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
        cursor.execute(_CREATE_READING)
        cursor.execute("DELETE FROM reading")
        with cursor.copy(f"COPY reading ({_COLUMNS}) FROM STDIN") as copy:
            for reading in readings:
                copy.write_row(reading.columns())
        cursor.execute(_SETTLE, parameters)
        moved = cursor.fetchone()[0] or []
        if booking.batch_id is not None and len(moved) < len(readings):
            cursor.execute(_STRAY, parameters)
        follow_leaders(moved)
        faults.reach("results: settled")
    faults.reach("results: committed")
    return len(moved)
