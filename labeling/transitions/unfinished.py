"""Work on a row that ends its worker again and again: counted before it begins, and set aside.

The task queue would run it for ever. Imports and batches count on their own rows.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from labeling.models import UnfinishedWork
from labeling.querysets import MOST_UNFINISHED_TRIES
from labeling.states import Work

_COUNT = """
    INSERT INTO labeling_unfinishedwork AS t (work, row_id, tries, last_at)
    VALUES (%(work)s, %(row)s, 1, clock_timestamp())
    ON CONFLICT (work, row_id) DO UPDATE SET tries = t.tries + 1, last_at = clock_timestamp()
    WHERE t.tries < %(most)s
"""


@contextmanager
def counted(work: Work, row_id: int) -> Iterator[bool]:
    """Counts the work on a row before it, and forgets that after it; False for work that was set aside.

    What stays counted is the work whose worker never came back: killed, out of memory, out of time. Work that
    breaks off to be continued has come back.
    """
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"work": work, "row": row_id, "most": MOST_UNFINISHED_TRIES})
        may_try = cursor.rowcount == 1
    try:
        yield may_try
    except (Exception, KeyboardInterrupt):
        _came_back(work, row_id, may_try)
        raise
    _came_back(work, row_id, may_try)


def _came_back(work: Work, row_id: int, tried: bool) -> None:
    if tried:
        UnfinishedWork.objects.filter(work=work, row_id=row_id).delete()
