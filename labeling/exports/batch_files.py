"""One batch as files of lines: the requests as they were sent, and the result lines as they came."""

from collections.abc import Iterable, Iterator

from django.db import connection

from labeling import exact
from labeling.exports.pieces import gathered
from labeling.models import Batch

PAGE = 200
"""Result lines that are read at once; a line may have some megabytes."""


def batch_requests(batch: Batch) -> Iterator[bytes]:
    """custom_id and params of every request, one JSON object a line: what was or will be sent."""
    return gathered(exact.lines(batch))


def batch_results(batch: Batch) -> Iterator[bytes]:
    """The raw line of every result that answered a request of the batch, as it came; erased ones are not there."""
    return gathered(_result_lines(batch.pk))


def _result_lines(batch_id: int) -> Iterable[bytes]:
    last = 0
    while rows := _page(batch_id, last):
        yield from (line.encode() + b"\n" for _, line in rows)
        last = rows[-1][0]


def _page(batch_id: int, after: int) -> list[tuple[int, str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT r.id, l.line FROM labeling_request r JOIN labeling_resultline l ON l.request_id = r.id
            WHERE r.batch_id = %s AND r.id > %s ORDER BY r.id LIMIT %s
            """,
            [batch_id, after, PAGE],
        )
        return list(cursor.fetchall())
