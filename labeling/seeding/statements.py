"""The statements that fill the house, in their order; every row follows from its number, so each run is the same."""

COPY_EVERY = 25
"""Each so-manyth document of an upload says what the one before it said."""

CREATE_PART = """
    CREATE TEMPORARY TABLE part (
        upload_id bigint, version_id bigint, model text, kind text, fate text, documents int, first_row int,
        batches bigint[], account_id bigint, left_at timestamptz, prices numeric[]
    ) ON COMMIT DROP
"""

_ROWS = f"""
    CREATE TEMPORARY TABLE seeded ON COMMIT DROP AS
    WITH base AS (SELECT nextval('labeling_document_id_seq') AS id)
    SELECT base.id + p.first_row + i AS id, p.*, i,
        CASE WHEN i %% {COPY_EVERY} = 0 AND i > 0 THEN base.id + p.first_row + i - 1 END AS leader_id,
        p.first_row + i - CASE WHEN i %% {COPY_EVERY} = 0 AND i > 0 THEN 1 ELSE 0 END AS said,
        abs(hashint4(p.first_row + i - CASE WHEN i %% {COPY_EVERY} = 0 AND i > 0 THEN 1 ELSE 0 END)::bigint)
            %% 10000 AS luck,
        p.batches[1 + (i::bigint * cardinality(p.batches) / p.documents)] AS batch_id,
        NULL::text AS text, NULL::text AS answer, NULL::text AS end
    FROM base, part p, LATERAL generate_series(0, p.documents - 1) AS i
"""

_ADVANCE = "SELECT setval('labeling_document_id_seq', (SELECT max(id) FROM seeded))"

# Most batches end well: what went again belongs to some of the uploads.
_WORDS = """
    UPDATE seeded SET
        text = CASE WHEN luck %% 400 = 7 THEN (%(odd)s::text[])[1 + said %% 4] || ' ' || said ELSE
            (%(beginnings)s::text[])[1 + said %% 12] || ' ' || (%(middles)s::text[])[1 + (said / 12) %% 12] || ' '
            || (%(endings)s::text[])[1 + (said / 144) %% 10] || ', order ' || 10000 + said %% 89999 || '-' || said
            || CASE WHEN said %% 3 = 0 THEN '. ' || repeat('I have written to you about this before. ', said %% 5)
               ELSE '' END END,
        answer = CASE kind WHEN 'classify' THEN
            CASE WHEN model = 'claude-haiku-5-5'
                THEN (ARRAY['satisfied', 'mixed', 'dissatisfied', 'not_a_review'])[1 + luck %% 4]
                ELSE (%(intents)s::text[])[1 + luck %% 11] END
            ELSE '{"party": "the customer", "days": ' || luck %% 60 || '}' END,
        "end" = CASE WHEN fate = 'waiting' THEN 'queued' WHEN fate = 'in_flight' THEN 'batched'
            WHEN luck >= 9900 THEN replace((%(reasons)s::text[])[1 + luck %% cardinality(%(reasons)s::text[])],
                CASE kind WHEN 'classify' THEN 'invalid_answer' ELSE 'not_a_label' END,
                CASE kind WHEN 'classify' THEN 'not_a_label' ELSE 'invalid_answer' END)
            WHEN luck BETWEEN 9860 AND 9899 THEN 'withdrawn'
            WHEN luck BETWEEN 9660 AND 9859 AND upload_id %% 3 = 2 THEN 'again'
            WHEN luck BETWEEN 9460 AND 9659 THEN 'urgent' WHEN luck BETWEEN 9430 AND 9459 THEN 'helped'
            ELSE 'labeled' END
"""

_TEXTS = """
    INSERT INTO labeling_documenttext (document_id, external_id, text, gold_label, metadata)
    SELECT id, 'T-' || lpad(upload_id::text, 4, '0') || '-' || lpad(i::text, 6, '0'), text,
        CASE WHEN kind = 'classify' AND i %% 4 = 1
            THEN CASE WHEN luck %% 8 = 0 THEN (%(intents)s::text[])[1 + (luck / 8) %% 11] ELSE answer END ELSE '' END,
        '{}'
    FROM seeded ORDER BY id
"""

_INDEX = "CREATE INDEX ON seeded (id)"

# A leader's requests: one as a rule; what failed too often or went again has more, by itself or by a person's help.
_REQUESTS = """
    CREATE TEMPORARY TABLE sent ON COMMIT DROP AS
    SELECT nextval('labeling_request_id_seq') AS id, s.id AS document_id, s.upload_id, s.version_id, s.model,
        s.account_id, s.text, s.answer, s."end", s.prices, s.kind, a.n AS try, a.last,
        CASE WHEN (s."end" IN ('urgent', 'unclear')) OR a.n > 1 THEN NULL ELSE s.batch_id END AS batch_id,
        b.token, s.left_at + make_interval(mins => 20 * a.n) AS created_at, b.ended_at,
        CASE WHEN s."end" = 'batched' THEN 'open'
            WHEN s."end" IN ('missing', 'unclear') THEN s."end"
            WHEN s."end" = 'withdrawn' THEN 'canceled'
            WHEN s."end" = 'stopped' OR s."end" = 'again' AND a.n = 1 AND said %% 4 > 0 THEN 'expired'
            WHEN s."end" = 'again' AND a.n = 1 THEN 'errored'
            WHEN s."end" IN ('invalid_request', 'configuration', 'too_many_attempts') THEN 'errored'
            ELSE 'succeeded' END AS outcome
    FROM seeded s
    CROSS JOIN LATERAL (
        SELECT n, n = most AS last
        FROM (
            SELECT CASE WHEN s."end" = 'too_many_attempts' THEN 3 WHEN s."end" IN ('again', 'helped') THEN 2
                ELSE 1 END AS most
        ) m, generate_series(1, most) AS n
    ) a
    LEFT JOIN labeling_batch b ON b.id = s.batch_id
    WHERE s.leader_id IS NULL AND s."end" <> 'queued'
    ORDER BY a.n, s.id
"""

# Of the failures of the last days every other one waits for a decision; of older ones nearly all were closed.
_DOCUMENTS = """
    INSERT INTO labeling_document (id, upload_id, version_id, row_number, sha256, encoded_bytes, leader_id, state, way,
        attempts, attempts_before, failure_reason, closed_at, closed_reason, result_id)
    SELECT s.id, s.upload_id, s.version_id, s.i + 1, sha256(convert_to(s.text, 'UTF8')),
        octet_length(s.text) + 2, s.leader_id,
        CASE WHEN s."end" IN ('labeled', 'again', 'urgent', 'helped') THEN 'labeled'
            WHEN s."end" = 'batched' AND s.leader_id IS NOT NULL THEN 'queued'
            WHEN s."end" IN ('queued', 'batched', 'withdrawn') THEN s."end" ELSE 'failed' END,
        CASE WHEN s."end" = 'urgent' THEN 'urgent' ELSE 'tonight' END,
        CASE WHEN s.leader_id IS NULL THEN COALESCE(r.n, 0) ELSE 0 END, 0,
        CASE WHEN s."end" = ANY(%(reasons)s) THEN s."end" ELSE '' END,
        CASE WHEN closed THEN s.left_at + interval '9 hours' END,
        CASE WHEN closed THEN 'Labeled by hand' ELSE '' END,
        r.result_id
    FROM seeded s
    LEFT JOIN (
        SELECT document_id, count(*) AS n,
            max(id) FILTER (WHERE last AND "end" IN ('labeled', 'again', 'urgent', 'helped')) AS result_id
        FROM sent GROUP BY document_id
    ) r ON r.document_id = COALESCE(s.leader_id, s.id)
    CROSS JOIN LATERAL (SELECT s."end" = ANY(%(reasons)s)
        AND s.said %% CASE WHEN s.left_at > %(now)s - interval '3 days' THEN 2 ELSE 25 END <> 0 AS closed) c
    ORDER BY s.id
"""

_STORE_REQUESTS = """
    INSERT INTO labeling_request
        (id, document_id, version_id, batch_id, account_id, lane, custom_id, outcome, created_at, deadline, ended_at)
    SELECT id, document_id, version_id, batch_id, CASE WHEN batch_id IS NULL THEN account_id END,
        CASE WHEN batch_id IS NULL THEN 'urgent' ELSE 'batch' END,
        %(installation)s || '-' || CASE WHEN batch_id IS NULL THEN 'realtime' ELSE token END || '-' || document_id
            || '-' || left(encode(sha256(convert_to(text, 'UTF8')), 'hex'), 8),
        outcome, created_at, CASE WHEN batch_id IS NULL THEN created_at + interval '10 minutes' END,
        CASE WHEN outcome <> 'open' THEN CASE WHEN batch_id IS NULL THEN created_at + interval '2 seconds'
            ELSE COALESCE(ended_at, created_at) END END
    FROM sent ORDER BY id
"""

_SHARES = """
    INSERT INTO labeling_batchshare (batch_id, upload_id, requests)
    SELECT batch_id, upload_id, count(*) FROM sent WHERE batch_id IS NOT NULL GROUP BY batch_id, upload_id
"""

_RESULTS = """
    INSERT INTO labeling_result (request_id, result_type, stop_reason, error_type, usable, failure_reason, answer,
        model, api_request_id, input_tokens, cache_write_5m_tokens, cache_write_1h_tokens, cache_read_tokens,
        output_tokens, list_usd, paid_usd, created_at)
    SELECT id, outcome, CASE WHEN outcome <> 'succeeded' THEN ''
            WHEN "end" = 'cut_off' THEN 'max_tokens' WHEN "end" = 'refused' THEN 'refusal'
            WHEN "end" = 'context_exceeded' THEN 'model_context_window_exceeded'
            WHEN "end" = 'unknown_outcome' THEN 'pause_turn' ELSE 'end_turn' END,
        CASE WHEN outcome <> 'errored' THEN '' WHEN "end" = 'configuration' THEN 'permission_error'
            WHEN "end" IN ('again', 'too_many_attempts') THEN 'overloaded_error' ELSE 'invalid_request_error' END,
        usable, CASE WHEN "end" = ANY(%(reasons)s) AND last AND "end" <> 'stopped' THEN "end"
            WHEN last OR "end" <> 'helped' THEN '' WHEN kind = 'classify' THEN 'not_a_label' ELSE 'invalid_answer' END,
        CASE WHEN usable THEN answer WHEN "end" IN ('not_a_label', 'helped') THEN 'somewhere between two labels'
            ELSE '' END,
        CASE WHEN outcome = 'succeeded' THEN model ELSE '' END, 'req_seed' || id,
        tokens_in, 0, 0, 0, tokens_out, list_usd, list_usd * CASE WHEN batch_id IS NULL THEN 1 ELSE %(discount)s END,
        COALESCE(ended_at, created_at)
    FROM (
        SELECT *, outcome = 'succeeded' AND last AND "end" IN ('labeled', 'again', 'urgent', 'helped') AS usable,
            tokens_in * prices[1] + tokens_out * prices[2] AS list_usd
        FROM (
            SELECT *, CASE WHEN outcome = 'succeeded' THEN 180 + length(text) / 4 ELSE 0 END AS tokens_in,
                CASE WHEN outcome = 'succeeded' THEN 9 + length(answer) / 4 ELSE 0 END AS tokens_out
            FROM sent WHERE outcome NOT IN ('open', 'missing', 'unclear')
        ) counted
    ) priced
    ORDER BY id
"""

_LINES = """
    INSERT INTO labeling_resultline (request_id, line)
    SELECT r.id, json_build_object('custom_id', r.custom_id, 'result', json_build_object('type', s.result_type,
        'message', json_build_object('model', s.model, 'stop_reason', s.stop_reason,
            'content', json_build_array(json_build_object('type', 'text', 'text', s.answer)),
            'usage', json_build_object('input_tokens', s.input_tokens, 'output_tokens', s.output_tokens))))::text
    FROM labeling_request r JOIN labeling_result s ON s.request_id = r.id ORDER BY r.id
"""

_MONEY = """
    INSERT INTO labeling_spendtally (day, version_id, model, account_id, lane, results, usable, unpriced, prompt_tokens,
        output_tokens, list_usd, paid_usd, wasted_usd)
    SELECT (COALESCE(b.created_at, r.created_at) AT TIME ZONE %(zone)s)::date, r.version_id, v.model,
        COALESCE(b.account_id, r.account_id), r.lane, count(*), count(*) FILTER (WHERE s.usable), 0,
        sum(s.input_tokens), sum(s.output_tokens), sum(s.list_usd), sum(s.paid_usd),
        COALESCE(sum(s.paid_usd) FILTER (WHERE NOT s.usable), 0)
    FROM labeling_result s
    JOIN labeling_request r ON r.id = s.request_id
    JOIN labeling_labelingtaskversion v ON v.id = r.version_id
    LEFT JOIN labeling_batch b ON b.id = r.batch_id
    GROUP BY 1, 2, 3, 4, 5
"""

# Without it the planner may still think that the tables are empty, and join each row with each other.
_SIZES = "ANALYZE labeling_document, labeling_request, labeling_result"

_ANSWERS = """
    INSERT INTO labeling_answertally (upload_id, version_id, answers, unpriced, document_bytes, prompt_tokens,
        output_tokens, list_usd, paid_usd)
    SELECT d.upload_id, r.version_id, count(*), 0, sum(d.encoded_bytes), sum(s.input_tokens), sum(s.output_tokens),
        sum(s.list_usd), sum(s.paid_usd)
    FROM labeling_result s
    JOIN labeling_request r ON r.id = s.request_id
    JOIN labeling_document d ON d.id = r.document_id
    WHERE r.outcome = 'succeeded'
    GROUP BY 1, 2
"""

_BATCHES = """
    UPDATE labeling_batch b SET request_total = t.requests, body_bytes = t.bytes, body_sha256 = repeat('5eed', 16),
        lines_read = CASE WHEN b.state = 'ingested' THEN t.requests - t.missing ELSE 0 END,
        processing = CASE WHEN b.state = 'ingested' THEN 0 ELSE t.requests END,
        succeeded = t.succeeded, errored = t.errored, canceled = t.canceled, expired = t.expired,
        input_tokens = t.tokens_in, output_tokens = t.tokens_out, list_usd = t.list_usd, paid_usd = t.paid_usd
    FROM (
        SELECT r.batch_id, count(*) AS requests, sum(d.encoded_bytes + 700) AS bytes,
            count(*) FILTER (WHERE outcome = 'missing') AS missing,
            count(*) FILTER (WHERE outcome IN ('succeeded', 'missing')) AS succeeded,
            count(*) FILTER (WHERE outcome = 'errored') AS errored,
            count(*) FILTER (WHERE outcome = 'canceled') AS canceled,
            count(*) FILTER (WHERE outcome = 'expired') AS expired,
            COALESCE(sum(s.input_tokens), 0) AS tokens_in, COALESCE(sum(s.output_tokens), 0) AS tokens_out,
            COALESCE(sum(s.list_usd), 0) AS list_usd, COALESCE(sum(s.paid_usd), 0) AS paid_usd
        FROM labeling_request r JOIN labeling_document d ON d.id = r.document_id
        LEFT JOIN labeling_result s ON s.request_id = r.id
        WHERE r.batch_id IS NOT NULL GROUP BY r.batch_id
    ) t WHERE t.batch_id = b.id
"""

# A token is at least a byte, so this is more than what is in flight can cost.
_RESERVED = """
    UPDATE labeling_batch b SET reserved_usd = %(discount)s
        * (b.body_bytes * p.prices[1] + b.request_total * v.max_tokens * p.prices[2])
    FROM part p, labeling_labelingtaskversion v
    WHERE b.id = ANY(p.batches) AND v.id = b.version_id AND b.state = 'in_progress'
"""

_CAME_OF = """
    UPDATE labeling_batch b SET usable_results = t.usable, not_usable = t.not_usable
    FROM (
        SELECT batch_id, COALESCE(sum(n) FILTER (WHERE usable), 0) AS usable,
            COALESCE(jsonb_object_agg(reason, n) FILTER (WHERE NOT usable), '{}') AS not_usable
        FROM (
            SELECT r.batch_id, COALESCE(s.usable, false) AS usable,
                COALESCE(NULLIF(s.failure_reason, ''), r.outcome) AS reason, count(*) AS n
            FROM labeling_request r LEFT JOIN labeling_result s ON s.request_id = r.id
            WHERE r.outcome <> 'open' AND r.batch_id IS NOT NULL GROUP BY 1, 2, 3
        ) ends GROUP BY batch_id
    ) t WHERE t.batch_id = b.id
"""

_REFUSED = """
    INSERT INTO labeling_refusedrow (upload_id, row_number, line_number, reason, sentence, raw)
    SELECT upload_id, documents + n, documents + n + 1, 'blank_text', 'The text is blank.', (n - 1) || ',,'
    FROM part, generate_series(1, %(refused)s) AS n
"""

IN_ORDER = (
    _ROWS,
    _ADVANCE,
    _WORDS,
    _INDEX,
    _TEXTS,
    _REQUESTS,
    _DOCUMENTS,
    _STORE_REQUESTS,
    _SIZES,
    _SHARES,
    _RESULTS,
    _LINES,
    _SIZES,
    _MONEY,
    _ANSWERS,
    _BATCHES,
    _RESERVED,
    _CAME_OF,
    _REFUSED,
)

FILE = """
    COPY (
        SELECT t.external_id, t.text, t.gold_label
        FROM labeling_document d JOIN labeling_documenttext t ON t.document_id = d.id
        WHERE d.upload_id = %s ORDER BY d.row_number
    ) TO STDOUT WITH (FORMAT csv)
"""
