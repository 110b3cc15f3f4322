"""The rows as an XLSX workbook, within what a spreadsheet can hold. Pure: no ORM.

Written to temporary files and zipped at the end, so memory does not grow with the rows.
"""

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import IO, Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ERROR_CODES

from labeling.files import guard_formula

SHEET_ROWS = 1_048_575
"""Rows of a sheet beside its header."""

CELL_CHARACTERS = 32_767
"""Of a cell, counted as UTF-16 code units."""

CUT_MARK = " […cut]"

_EXACT_INTEGER = 10**15
"""Beyond it a spreadsheet rounds."""

_ERRORS = frozenset(ERROR_CODES)

# Control characters, CR (XML would make it LF), characters that XML forbids, and what would be read as an escape.
_TO_ESCAPE = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")


Value = str | int | float | Decimal | None


def write(file: IO[bytes], header: Sequence[str], rows: Iterable[Sequence[Value]]) -> int:
    """Write a workbook, with a further sheet for every SHEET_ROWS rows; returns how many cells were cut."""
    workbook = Workbook(write_only=True)
    sheet = _new_sheet(workbook, header)
    in_sheet = cut = 0
    for row in rows:
        if in_sheet == SHEET_ROWS:
            sheet = _new_sheet(workbook, header)
            in_sheet = 0
        cells = []
        for value in row:
            cell, was_cut = _cell(value)
            cut += was_cut
            cells.append(_text_cell(sheet, cell) if isinstance(cell, str) and cell in _ERRORS else cell)
        sheet.append(cells)
        in_sheet += 1
    workbook.save(file)
    return cut


def _new_sheet(workbook: Workbook, header: Sequence[str]) -> Any:
    number = len(workbook.worksheets) + 1
    sheet = workbook.create_sheet("labels" if number == 1 else f"labels {number}")
    sheet.freeze_panes = "A2"
    sheet.append([_cell(name)[0] for name in header])
    return sheet


def _cell(value: Value) -> tuple[Value, bool]:
    """What is written for a value, and whether it had to be cut."""
    if value is None or isinstance(value, bool | float | Decimal):
        return value, False
    if isinstance(value, int) and abs(value) < _EXACT_INTEGER:
        return value, False
    return _fitting(guard_formula(str(value)))


def _fitting(text: str) -> tuple[str, bool]:
    escaped = _escape(text)
    if _units(escaped) <= CELL_CHARACTERS:
        return escaped, False
    limit = CELL_CHARACTERS - len(CUT_MARK)
    kept = text[:limit]
    while (excess := _units(_escape(kept)) - limit) > 0:
        kept = kept[: -(excess // 7 + 1)]  # an escape is seven characters long
    return _escape(kept) + CUT_MARK, True


def _escape(text: str) -> str:
    return _TO_ESCAPE.sub(lambda found: f"_x{ord(found[0]):04X}_", text)


def _units(text: str) -> int:
    """Length as a spreadsheet counts it."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def _text_cell(sheet: Any, text: str) -> Any:
    """A cell for a text that looks like an error value of a formula."""
    cell = WriteOnlyCell(sheet, text)
    cell.data_type = "s"
    return cell
