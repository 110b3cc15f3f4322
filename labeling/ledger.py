"""The book: every identity of docs/reliability.md, recomputed from the rows and compared.

All figures come from one statement, so they belong to one instant however busy the house is.
"""

from dataclasses import asdict, dataclass
from typing import Any

from django.db import connection

from labeling.models import LedgerCheck

_FIGURES = """
    WITH documents AS (
        SELECT upload_id, state, CASE WHEN state = 'queued' THEN way ELSE '' END AS way, count(*) AS n,
            count(*) FILTER (WHERE leader_id IS NULL) AS leaders,
            COALESCE(sum(encoded_bytes) FILTER (WHERE leader_id IS NULL), 0) AS leader_bytes
        FROM labeling_document GROUP BY 1, 2, 3
    ), requests AS (
        SELECT batch_id, lane, outcome, count(*) AS n FROM labeling_request GROUP BY 1, 2, 3
    ), results AS (
        SELECT r.batch_id, COALESCE(sum(s.list_usd), 0) AS list_usd, COALESCE(sum(s.paid_usd), 0) AS paid_usd
        FROM labeling_result s JOIN labeling_request r ON r.id = s.request_id GROUP BY r.batch_id
    )
    SELECT
        (SELECT COALESCE(sum(rows), 0) FROM labeling_upload) AS rows,
        (SELECT COALESCE(sum(accepted), 0) FROM labeling_upload) AS accepted,
        (SELECT COALESCE(sum(refused), 0) FROM labeling_upload) AS refused,
        (SELECT count(*) FROM labeling_refusedrow) AS refused_rows,
        (SELECT COALESCE(sum(n), 0) FROM documents WHERE state = 'queued') AS queued,
        (SELECT COALESCE(sum(n), 0) FROM documents WHERE state = 'batched') AS batched,
        (SELECT COALESCE(sum(n), 0) FROM documents WHERE state = 'labeled') AS labeled,
        (SELECT COALESCE(sum(n), 0) FROM documents WHERE state = 'failed') AS failed,
        (SELECT COALESCE(sum(n), 0) FROM documents WHERE state = 'withdrawn') AS withdrawn,
        (SELECT count(*) FROM labeling_upload u WHERE u.accepted <> (
            SELECT COALESCE(sum(n), 0) FROM documents d WHERE d.upload_id = u.id)) AS unbalanced_uploads,
        (SELECT count(*) FROM documents d FULL JOIN (
            SELECT upload_id, state, way, sum(documents) AS n, sum(leaders) AS leaders,
                sum(leader_bytes) AS leader_bytes
            FROM labeling_documenttally GROUP BY 1, 2, 3
        ) t USING (upload_id, state, way)
            WHERE COALESCE(d.n, 0) <> COALESCE(t.n, 0) OR COALESCE(d.leaders, 0) <> COALESCE(t.leaders, 0)
                OR COALESCE(d.leader_bytes, 0) <> COALESCE(t.leader_bytes, 0)) AS drifted_document_counts,
        (SELECT count(*) FROM (
            SELECT d.version_id, d.failure_reason, count(*) AS n,
                count(*) FILTER (WHERE d.leader_id IS NULL) AS leaders,
                COALESCE(sum(d.encoded_bytes) FILTER (WHERE d.leader_id IS NULL), 0) AS leader_bytes
            FROM labeling_document d JOIN labeling_upload u ON u.id = d.upload_id AND u.kind = 'file'
            WHERE d.state = 'failed' AND d.closed_at IS NULL GROUP BY 1, 2
        ) d FULL JOIN (
            SELECT version_id, failure_reason, sum(documents) AS n, sum(leaders) AS leaders,
                sum(leader_bytes) AS leader_bytes
            FROM labeling_failuretally GROUP BY 1, 2
        ) t USING (version_id, failure_reason)
            WHERE COALESCE(d.n, 0) <> COALESCE(t.n, 0) OR COALESCE(d.leaders, 0) <> COALESCE(t.leaders, 0)
                OR COALESCE(d.leader_bytes, 0) <> COALESCE(t.leader_bytes, 0)) AS drifted_failure_counts,
        (SELECT COALESCE(sum(n), 0) FROM requests WHERE outcome = 'open') AS open_requests,
        (SELECT count(*) FROM labeling_document c JOIN labeling_document l ON l.id = c.leader_id
            WHERE c.state = 'batched') AS sent_copies,
        (SELECT count(*) FROM labeling_batch b WHERE b.request_total <> (
            SELECT COALESCE(sum(n), 0) FROM requests r WHERE r.batch_id = b.id)) AS unbalanced_batches,
        (SELECT count(*) FROM labeling_night w WHERE (
            SELECT COALESCE(sum(b.request_total), 0) FROM labeling_batch b WHERE b.night_id = w.id
        ) <> (
            SELECT COALESCE(sum(r.n), 0) FROM labeling_batch b JOIN requests r ON r.batch_id = b.id
            WHERE b.night_id = w.id
        )) AS unbalanced_nights,
        (SELECT count(*) FROM (
            SELECT COALESCE(batch_id, 0) AS batch, lane, outcome, n FROM requests
        ) r FULL JOIN (
            SELECT COALESCE(batch_id, 0) AS batch, lane, outcome, sum(requests) AS n
            FROM labeling_requesttally GROUP BY 1, 2, 3
        ) t USING (batch, lane, outcome) WHERE COALESCE(r.n, 0) <> COALESCE(t.n, 0)) AS drifted_request_counts,
        (SELECT COALESCE(sum(n), 0) FROM requests) AS requests,
        (SELECT COALESCE(sum(requests), 0) FROM labeling_requesttally) AS counted_requests,
        (SELECT COALESCE(sum(requests), 0) FROM labeling_requesttally WHERE outcome = 'open') AS counted_open_requests,
        (SELECT COALESCE(sum(list_usd), 0) FROM results) AS list_usd,
        (SELECT COALESCE(sum(paid_usd), 0) FROM results) AS paid_usd,
        (SELECT COALESCE(sum(list_usd), 0) FROM labeling_spendtally) AS booked_list_usd,
        (SELECT COALESCE(sum(paid_usd), 0) FROM labeling_spendtally) AS booked_paid_usd,
        (SELECT COALESCE(sum(paid_usd), 0) FROM labeling_answertally) AS counted_paid_usd,
        (SELECT COALESCE(sum(reserved_usd), 0) FROM labeling_batch)
            + (SELECT COALESCE(sum(reserved_usd), 0) FROM labeling_request WHERE reserved_usd IS NOT NULL)
            AS reserved_usd,
        (SELECT COALESCE(sum(reserved_usd), 0) FROM labeling_batch
            WHERE state NOT IN ('rejected', 'absent') AND (state <> 'ingested' OR unpriced_results > 0))
            + (SELECT COALESCE(sum(q.reserved_usd), 0) FROM labeling_request q
                LEFT JOIN labeling_result s ON s.request_id = q.id
                WHERE q.reserved_usd IS NOT NULL AND (q.outcome IN ('open', 'unclear')
                    OR (s.request_id IS NOT NULL AND s.paid_usd IS NULL))) AS reserved_for_open_usd,
        (SELECT count(*) FROM labeling_batch b LEFT JOIN results r ON r.batch_id = b.id
            WHERE b.state = 'ingested' AND b.paid_usd <> COALESCE(r.paid_usd, 0)) AS batches_with_other_money
"""


@dataclass(frozen=True, slots=True)
class Identity:
    """Two figures that must be equal at every moment, as text with full precision."""

    name: str
    left: str
    right: str
    holds: bool


def identities() -> list[Identity]:
    """Every identity with both sides, recomputed now."""
    f = _figures()
    documents = f["queued"] + f["batched"] + f["labeled"] + f["failed"] + f["withdrawn"]
    pairs = (
        ("rows = accepted + refused", f["rows"], f["accepted"] + f["refused"]),
        ("refused = refused rows kept", f["refused"], f["refused_rows"]),
        ("accepted = queued + batched + labeled + failed + withdrawn", f["accepted"], documents),
        ("uploads that do not balance = 0", f["unbalanced_uploads"], 0),
        ("counted documents that differ from the rows = 0", f["drifted_document_counts"], 0),
        ("counted failures that differ from the rows = 0", f["drifted_failure_counts"], 0),
        ("batched documents = open requests", f["batched"], f["open_requests"]),
        ("copies that were sent = 0", f["sent_copies"], 0),
        ("batches whose requests do not sum = 0", f["unbalanced_batches"], 0),
        ("nights whose requests do not sum = 0", f["unbalanced_nights"], 0),
        ("counted requests that differ from the rows = 0", f["drifted_request_counts"], 0),
        ("requests = requests counted", f["requests"], f["counted_requests"]),
        ("open requests = open requests counted", f["open_requests"], f["counted_open_requests"]),
        ("real-time price of results = real-time price booked", f["list_usd"], f["booked_list_usd"]),
        ("paid for results = paid as booked", f["paid_usd"], f["booked_paid_usd"]),
        ("paid as booked = paid by uploads", f["booked_paid_usd"], f["counted_paid_usd"]),
        ("reserved = reserved for what has no price yet", f["reserved_usd"], f["reserved_for_open_usd"]),
        ("batches whose frozen money differs = 0", f["batches_with_other_money"], 0),
    )
    return [Identity(name, str(left), str(right), left == right) for name, left, right in pairs]


MOST_NAMED = 50
"""So many uploads and batches that do not sum are named; more would not help anybody."""


@dataclass(frozen=True, slots=True)
class Unbalanced:
    """An upload, a batch, or a night that does not sum: what it says of itself, and what the rows say."""

    subject: str
    said: int
    rows: int

    @property
    def sentence(self) -> str:
        what = "documents accepted" if self.subject.startswith("U-") else "requests"
        return f"{self.subject} says {self.said:,} {what}, and its rows are {self.rows:,}."


def unbalanced() -> list[Unbalanced]:
    """Every upload, batch, and night recomputed from its rows; those that do not sum, by name."""
    with connection.cursor() as cursor:
        cursor.execute(_UNBALANCED, {"most": MOST_NAMED})
        return [Unbalanced(subject, int(said), int(rows)) for subject, said, rows in cursor.fetchall()]


_UNBALANCED = """
    (SELECT 'U-' || u.id, u.accepted, COALESCE(d.n, 0) FROM labeling_upload u
        LEFT JOIN (SELECT upload_id, count(*) AS n FROM labeling_document GROUP BY 1) d ON d.upload_id = u.id
        WHERE u.accepted <> COALESCE(d.n, 0) ORDER BY u.id LIMIT %(most)s)
    UNION ALL
    (SELECT 'B-' || b.id, b.request_total, COALESCE(r.n, 0) FROM labeling_batch b
        LEFT JOIN (SELECT batch_id, count(*) AS n FROM labeling_request GROUP BY 1) r ON r.batch_id = b.id
        WHERE b.request_total <> COALESCE(r.n, 0) ORDER BY b.id LIMIT %(most)s)
    UNION ALL
    (SELECT 'N-' || w.date, sum(b.request_total), COALESCE(sum(r.n), 0) FROM labeling_night w
        JOIN labeling_batch b ON b.night_id = w.id
        LEFT JOIN (SELECT batch_id, count(*) AS n FROM labeling_request GROUP BY 1) r ON r.batch_id = b.id
        GROUP BY w.id HAVING sum(b.request_total) <> COALESCE(sum(r.n), 0) ORDER BY w.date LIMIT %(most)s)
"""


def check() -> LedgerCheck:
    """Recompute and remember: the screen says when the book last agreed."""
    found = identities()
    return LedgerCheck.objects.create(
        holds=all(identity.holds for identity in found), identities=[asdict(identity) for identity in found]
    )


def _figures() -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(_FIGURES)
        names = [column.name for column in cursor.description]
        return dict(zip(names, cursor.fetchone(), strict=True))
