"""The download of refused rows: CSV, to be opened in a spreadsheet, mended and uploaded again."""

import csv
import io
from collections.abc import Iterable, Iterator

from labeling.files.shapes import RefusedRow

HEADER = ("row_number", "line_number", "reason", "sentence", "raw")

_FORMULA_STARTS = frozenset("=+-@\t\r")


def refused_rows_csv(rows: Iterable[RefusedRow]) -> Iterator[bytes]:
    """The file in pieces, UTF-8, one piece per row after the header."""
    yield _line(HEADER)
    for row in rows:
        yield _line((row.number, row.line_number, row.reason.value, row.sentence, guard_formula(row.raw)))


def guard_formula(cell: str) -> str:
    """The cell with a leading apostrophe if a spreadsheet would run it as a formula."""
    return f"'{cell}" if cell[:1] in _FORMULA_STARTS else cell


def _line(cells: Iterable[object]) -> bytes:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue().encode()
