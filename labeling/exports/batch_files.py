"""Files of lines: the requests of a batch as they were sent, its result lines as they came, and those kept aside."""

from collections.abc import Iterable, Iterator

from django.db import connection

from labeling import exact
from labeling.exports.pieces import gathered
from labeling.models import Batch, FoundBatch, Restoration, StrayLine

PAGE = 200
"""Result lines that are read at once; a line may have some megabytes."""


def batch_requests(batch: Batch) -> Iterator[bytes]:
    """custom_id and params of every request, one JSON object a line: what was or will be sent."""
    return gathered(exact.lines(batch))


def batch_results(batch: Batch) -> Iterator[bytes]:
    """The raw line of every result that answered a request of the batch, as it came; erased ones are not there."""
    return gathered(_result_lines(batch.pk))


def unknown_answers(restoration: Restoration) -> Iterator[bytes]:
    """The raw lines since a backup that answer documents which the backup does not know."""
    found = FoundBatch.objects.filter(restoration=restoration).values("message_batch_id")
    strays = StrayLine.objects.filter(why="no_document", message_batch_id__in=found).exclude(line="").order_by("pk")
    return gathered(line.encode() + b"\n" for line in strays.values_list("line", flat=True).iterator(PAGE))


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
