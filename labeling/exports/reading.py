"""One row per document: what came in, what came back and what it cost.

Documents are read by pages, each a range of ids of one upload. Each join of a page is a LATERAL with an aggregate or
a LIMIT, which the planner cannot turn into a scan of a whole table: a page costs the same at any depth, on any size,
with fresh statistics or none. Every page is a transaction of its own, so a slow download holds back nobody.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet

from labeling import models
from labeling.exports.naming import MetadataNames
from labeling.models import Document, LabelingTask, SelectedDocument, Upload
from labeling.states import UploadKind, UploadState

COLUMNS = (
    "external_id",
    "text",
    "label",
    "gold_label",
    "state",
    "reason",
    "source",
    "lane",
    "model",
    "task_version",
    "attempts",
    "custom_id",
    "batch",
    "input_tokens",
    "output_tokens",
    "list_cost_usd",
    "paid_cost_usd",
    "labeled_at",
)

PAGE_IDS = 4_000
"""Ids that one statement looks at. An import takes ids in a row, so nearly all of them are the upload's."""

PAGE_BYTES = 16_000_000
"""Bytes of texts, answers and metadata after which a statement brings no further document."""

# A copy of a text that was labeled before is labeled when it comes in, which nobody stamps but its upload.
_LABELED_SINCE = """
    CROSS JOIN LATERAL (
        SELECT 1 FROM labeling_result s
        WHERE s.request_id = d.result_id
            AND (s.created_at >= %(since)s OR (d.leader_id IS NOT NULL AND %(came_in)s >= %(since)s))
        LIMIT 1
    ) AS labeled
"""

_CHOSEN = """
    CROSS JOIN LATERAL (
        SELECT 1 FROM labeling_selecteddocument c WHERE c.selection_id = %(chosen)s AND c.document_id = d.id LIMIT 1
    ) AS chosen
"""

_PAGE = """
    WITH page AS MATERIALIZED (
        SELECT d.id, d.version_id, d.state, d.failure_reason, d.leader_id, d.attempts, d.result_id,
            d.erasure_id
        FROM labeling_document d {labeled_since} {chosen}
        WHERE d.upload_id = %(upload)s AND d.id >= %(first)s AND d.id < %(end)s AND d.state <> 'withdrawn'
    ), found AS (
        SELECT p.id, p.state, p.failure_reason, p.leader_id, p.attempts, p.result_id, p.erasure_id,
            COALESCE(shown.version_id, p.version_id) AS version_id,
            COALESCE(content.external_id, '') AS external_id, COALESCE(content.text, '') AS text,
            COALESCE(content.gold_label, '') AS gold_label, COALESCE(content.metadata, '{{}}') AS metadata,
            spent.input_tokens, spent.output_tokens, spent.list_usd, spent.paid_usd, spent.unpriced,
            shown.request_id, shown.lane, shown.model, shown.custom_id, shown.batch_id,
            CASE WHEN p.result_id IS NOT NULL AND shown.usable THEN shown.answer END AS label,
            CASE WHEN p.result_id IS NULL THEN NULL
                WHEN p.leader_id IS NULL THEN shown.created_at
                ELSE GREATEST(shown.created_at, %(came_in)s) END AS labeled_at,
            sum(COALESCE(octet_length(content.text) + pg_column_size(content.metadata), 0)
                + COALESCE(octet_length(shown.answer), 0))
                OVER (ORDER BY p.id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before
        FROM page p
        LEFT JOIN LATERAL (
            SELECT t.external_id, t.text, t.gold_label, t.metadata
            FROM labeling_documenttext t WHERE t.document_id = p.id LIMIT 1
        ) AS content ON TRUE
        CROSS JOIN LATERAL (
            SELECT
                COALESCE(sum(s.input_tokens::bigint + s.cache_write_5m_tokens + s.cache_write_1h_tokens
                    + s.cache_read_tokens), 0) AS input_tokens,
                COALESCE(sum(s.output_tokens), 0) AS output_tokens,
                COALESCE(sum(s.list_usd), 0::numeric(20, 12)) AS list_usd,
                COALESCE(sum(s.paid_usd), 0::numeric(20, 12)) AS paid_usd,
                count(*) FILTER (WHERE s.request_id IS NOT NULL AND s.list_usd IS NULL) AS unpriced,
                max(r.id) FILTER (WHERE r.outcome <> 'not_sent') AS last_attempt
            FROM labeling_request r
            LEFT JOIN LATERAL (SELECT * FROM labeling_result WHERE request_id = r.id LIMIT 1) AS s ON TRUE
            WHERE r.document_id = p.id
        ) AS spent
        LEFT JOIN LATERAL (
            SELECT r.id AS request_id, r.version_id, r.lane, r.custom_id, r.batch_id,
                s.model, s.usable, s.answer, s.created_at
            FROM labeling_request r
            LEFT JOIN LATERAL (SELECT * FROM labeling_result WHERE request_id = r.id LIMIT 1) AS s ON TRUE
            WHERE r.id = COALESCE(p.result_id, spent.last_attempt) LIMIT 1
        ) AS shown ON TRUE
    )
    SELECT f.id, f.metadata::text,
        f.external_id, f.text, COALESCE(f.label, ''), f.gold_label, f.state,
        CASE WHEN e.id IS NOT NULL THEN 'erased on ' || to_char(e.asked_at, 'YYYY-MM-DD') || ' by ' || e.asked_by
            WHEN f.state = 'failed' THEN f.failure_reason ELSE '' END,
        CASE WHEN f.result_id IS NULL THEN '' WHEN f.leader_id IS NULL THEN 'model' ELSE 'copy' END,
        COALESCE(f.lane, ''),
        CASE WHEN f.request_id IS NULL THEN '' ELSE COALESCE(NULLIF(f.model, ''), v.model) END,
        v.number, f.attempts, COALESCE(f.custom_id, ''), COALESCE('B-' || f.batch_id, ''),
        f.input_tokens::bigint, f.output_tokens::bigint,
        CASE WHEN f.unpriced = 0 THEN f.list_usd::text ELSE '' END,
        CASE WHEN f.unpriced = 0 THEN f.paid_usd::text ELSE '' END,
        COALESCE(to_char(f.labeled_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), '')
    FROM found f LEFT JOIN labeling_labelingtaskversion v ON v.id = f.version_id
        LEFT JOIN labeling_erasure e ON e.id = f.erasure_id
    WHERE f.bytes_before IS NULL OR f.bytes_before < %(page_bytes)s
    ORDER BY f.id
"""

_NAMES = """
    SELECT DISTINCT key.name
    FROM labeling_document d
    JOIN labeling_documenttext t ON t.document_id = d.id
    CROSS JOIN LATERAL jsonb_object_keys(t.metadata) AS key(name)
    WHERE d.upload_id = ANY(%s) AND d.state <> 'withdrawn'
    LIMIT %s
"""

MOST_NAMES = 1_000
"""Names of metadata that get a column of their own: a file with more uses its keys as data."""


Found = tuple[list[Any], dict[str, Any]]
"""The values of COLUMNS of a document, and its metadata under the names that it has in the file."""


@dataclass(frozen=True, slots=True)
class Part:
    """An upload to be exported. came_in: when its documents were there, and its copies of labeled texts labeled."""

    upload_id: int
    came_in: datetime
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Selection:
    """What is exported: the uploads in their order, and of their documents those that were labeled since when."""

    parts: tuple[Part, ...]
    since: datetime | None
    chosen: int | None = None
    """Only the documents that a person chose, under this id."""


def rows(
    task: LabelingTask | None = None, upload: Upload | None = None, since: datetime | None = None
) -> Iterator[dict[str, Any]]:
    """Every accepted document that is not withdrawn, exactly once, in import order, as COLUMNS and its metadata.

    since: only documents that were labeled at or after it. Empty is "" in all of COLUMNS but the numbers; costs are
    strings with twelve decimals, in USD; labeled_at is ISO 8601 in UTC.
    """
    selection = select(task, upload, since)
    return named(documents(selection), metadata_names(selection))


def select(task: LabelingTask | None, upload: Upload | None, since: datetime | None = None) -> Selection:
    """The documents of a task, of an upload, or of an upload if it is of the task. ValueError if neither is given.

    What a draft was tried on is there already, so only who asks for that upload gets it.
    """
    if task is None and upload is None:
        raise ValueError("a task or an upload is needed")
    uploads = Upload.objects.exclude(state=UploadState.WITHDRAWN).order_by("pk")
    if task is not None:
        uploads = uploads.filter(version__task=task)
    uploads = uploads.filter(pk=upload.pk) if upload is not None else uploads.exclude(kind=UploadKind.TRIAL)
    return Selection(_parts(uploads), since)


def select_chosen(chosen: models.Selection) -> Selection:
    """The documents that a person chose."""
    uploads = Document.objects.filter(
        pk__in=SelectedDocument.objects.filter(selection=chosen).values("document_id")
    ).values_list("upload_id", flat=True)
    return Selection(_parts(Upload.objects.filter(pk__in=set(uploads.distinct().order_by()))), None, chosen.pk)


def named(found: Iterable[Found], names: MetadataNames) -> Iterator[dict[str, Any]]:
    """Each document as a dict under the names of the export."""
    for values, metadata in found:
        row = dict(zip(COLUMNS, values, strict=True))
        if metadata:
            row |= names.rename(metadata)
        yield row


def documents(selection: Selection) -> Iterator[Found]:
    """Each document of the selection, in import order."""
    query = _PAGE.format(
        labeled_since=_LABELED_SINCE if selection.since else "", chosen=_CHOSEN if selection.chosen else ""
    )
    for part in selection.parts:
        place: dict[str, Any] = {
            "upload": part.upload_id,
            "came_in": part.came_in,
            "since": selection.since,
            "chosen": selection.chosen,
        }
        first = _next_id(part, 0)
        while first is not None:
            end = first + PAGE_IDS
            page = _page(query, place | {"first": first, "end": end})
            for _, metadata, *values in page:
                # The standard library reads integers of any length, which orjson would turn into floats.
                yield values, {} if metadata == "{}" else json.loads(metadata)
            first = _next_id(part, page[-1][0] + 1 if page else end)


def metadata_names(selection: Selection) -> MetadataNames:
    """The names of the metadata in the uploads, in the order of their files where these tell."""
    with connection.cursor() as cursor:
        cursor.execute(_NAMES, [[part.upload_id for part in selection.parts], MOST_NAMES + 1])
        found = {name for (name,) in cursor.fetchall()}
    of_files = dict.fromkeys(column for part in selection.parts for column in part.columns)
    ordered = [name for name in of_files if name in found]
    ordered += sorted(found - set(ordered))
    return MetadataNames(ordered[:MOST_NAMES], taken=COLUMNS, are_all=len(found) <= MOST_NAMES)


def _parts(uploads: QuerySet[Upload]) -> tuple[Part, ...]:
    values = uploads.order_by("pk").values_list("pk", "ready_at", "created_at", "inspection__columns")
    return tuple(Part(pk, ready_at or created_at, tuple(columns or ())) for pk, ready_at, created_at, columns in values)


def _next_id(part: Part, least: int) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM labeling_document WHERE upload_id = %s AND id >= %s ORDER BY id LIMIT 1",
            [part.upload_id, least],
        )
        found = cursor.fetchone()
        return found and int(found[0])


def _page(query: str, place: dict[str, Any]) -> list[tuple[Any, ...]]:
    with transaction.atomic(), connection.cursor() as cursor:
        # Compiling the plan takes PostgreSQL longer than running it, and it would do so for every page.
        cursor.execute("SET LOCAL jit = off")
        cursor.execute(query, {**place, "page_bytes": PAGE_BYTES})
        return list(cursor.fetchall())
