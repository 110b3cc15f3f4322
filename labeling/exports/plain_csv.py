"""Rows as CSV in pieces: UTF-8, CRLF line ends, and no cell that a spreadsheet would run as a formula."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from labeling.files import guard_formula

LINES = 500


def csv_pieces(rows: Iterable[Sequence[str]]) -> Iterator[bytes]:
    """A piece for some hundreds of rows; memory does not grow with their number."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    for number, row in enumerate(rows, start=1):
        writer.writerow([guard_formula(cell) for cell in row])
        if number % LINES == 0:
            yield _taken(buffer)
    if buffer.tell():
        yield _taken(buffer)


def _taken(buffer: io.StringIO) -> bytes:
    piece = buffer.getvalue().encode("utf-8", "surrogatepass")
    buffer.seek(0)
    buffer.truncate()
    return piece
