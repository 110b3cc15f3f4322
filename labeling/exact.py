"""The requests of a batch exactly as they are sent, rebuilt from its frozen version and the texts.

Streamed in the order of the requests, page after page: no transaction stays open while somebody
downloads slowly, and memory holds one page. A text that was erased is None and is never made up.
"""

from collections.abc import Iterator

import orjson
from django.db import connection

from labeling.messages import bodies
from labeling.models import Batch

PAGE = 1000
"""Requests that are read at once."""


def requests(batch: Batch) -> Iterator[tuple[str, str | None]]:
    """custom_id and text of every request of the batch; the text is None where it was erased."""
    last = 0
    while rows := _page(batch.pk, last):
        yield from ((custom_id, text) for _, custom_id, text in rows)
        last = rows[-1][0]


def lines(batch: Batch) -> Iterator[bytes]:
    """One JSON object a line: custom_id and params; of an erased text the line says so instead."""
    encode = bodies.encoder(batch.version.spec)
    for custom_id, text in requests(batch):
        line = encode(custom_id, text) if text is not None else _erased(custom_id)
        yield line + bodies.LINE_END


def _page(batch_id: int, after: int) -> list[tuple[int, str, str | None]]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT r.id, r.custom_id, t.text FROM labeling_request r
            LEFT JOIN labeling_documenttext t ON t.document_id = r.document_id
            WHERE r.batch_id = %s AND r.id > %s ORDER BY r.id LIMIT %s
            """,
            [batch_id, after, PAGE],
        )
        return list(cursor.fetchall())


def _erased(custom_id: str) -> bytes:
    return orjson.dumps({"custom_id": custom_id, "params": None, "erased": True})
