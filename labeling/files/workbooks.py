"""Rows of XLSX: one sheet of a workbook, cell by cell, in constant memory.

A workbook is a packed folder of XML, which may unpack to anything. So it is looked through first, without being
understood: how large its parts are, and whether a cell or a row goes on without end. What the reader keeps in memory
(the texts that cells share, and the styles) has a bound of its own.

Cells become text as a person would write it: a whole number without a fraction, other numbers with the 15 digits that
spreadsheets keep, dates as 2026-05-12, with a time as 2026-05-12 14:30:00. Of a formula its last result counts.
A wholly empty row is no row.
"""

import csv
import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from labeling.files.columns import unique_names
from labeling.files.dialect import PREVIEW_ROWS
from labeling.files.shapes import FileRefused, Inspection, JsonValue, ReadOptions, RefusedRow, Row
from labeling.files.text import name_problem, raw_row, storable, text_problem, visible
from labeling.states import RefusalReason

MOST_PARTS = 10_000
MOST_SHARED_BYTES = 200_000_000
"""Of the texts that cells share, unpacked: they are held in memory."""

MOST_STYLE_BYTES = 20_000_000
MOST_PACKING = 2_000
"""How many times smaller than unpacked a part may be: deflate reaches 1,032 on nothing but zeros."""

PIECE_BYTES = 1_048_576
MOST_ROW_BYTES = 64_000_000
_ROW = re.compile(rb"<(?:\w+:)?row[\s>/]")
_DOCTYPE = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_SAVE = "Save it as CSV (UTF-8)."

_Cells = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Opening:
    """How a sheet begins: its name and those of all sheets, the header, the first rows."""

    sheet: str
    sheets: tuple[str, ...]
    names: list[str]
    columns: tuple[str, ...]
    header_line: int
    first_line: int
    preview: list[list[str]]


def is_workbook(path: Path) -> bool:
    """Whether a packed file has a workbook of XLSX inside."""
    try:
        with zipfile.ZipFile(path) as packed:
            return "xl/workbook.xml" in packed.namelist()
    except (zipfile.BadZipFile, OSError, ValueError):
        return False


def look(path: Path, options: ReadOptions, warnings: list[str]) -> Opening:
    """The header and first rows of the chosen sheet, or of the first that has any. Raises FileRefused."""
    _look_through(path, options)
    with _opened(path) as book:
        sheets = tuple(sheet.title for sheet in book.worksheets)
        sheet = _choose(book, sheets, options.sheet)
        if len(sheets) > 1:
            others = ", ".join(f"“{visible(name)}”" for name in sheets if name != sheet)
            warnings.append(f"The workbook has {len(sheets)} sheets; “{visible(sheet)}” is read, and not {others}.")
        rows = _rows(book, sheet)
        line, cells = next(rows)
        if not options.has_header:
            sample = [cells, *(cells for _, cells in islice(rows, PREVIEW_ROWS - 1))]
            names = [f"column_{number}" for number in range(1, max(map(len, sample)) + 1)]
            return Opening(sheet, sheets, names, tuple(names), 0, line, [list(map(as_text, row)) for row in sample])
        names = list(map(as_text, cells))
        columns = unique_names(names, warnings)
        preview = [list(map(as_text, cells)) for _, cells in islice(rows, PREVIEW_ROWS)]
        return Opening(sheet, sheets, names, columns, line, line + 1, preview)


def read_workbook(path: Path, inspection: Inspection) -> Iterator[Row | RefusedRow]:
    """One Row or RefusedRow for every row of the sheet that is not wholly empty; its line is that of the sheet."""
    positions = inspection.positions()
    with _opened(path) as book:
        number = 0
        for line, cells in _rows(book, inspection.sheet):
            if line < inspection.first_line:
                continue
            number += 1
            yield _row(number, line, list(map(as_text, cells)), inspection, positions)


def as_text(value: Any) -> str:
    """A cell as a person would write it."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "TRUE" if value else "FALSE"
        case float():
            return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.15g}"
        case datetime():
            return value.strftime("%Y-%m-%d") if value.time() == time() else value.isoformat(" ", "seconds")
        case date():
            return value.isoformat()
        case time():
            return value.isoformat("seconds")
        case timedelta():
            minutes, seconds = divmod(round(value.total_seconds()), 60)
            return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    return str(value)


def _row(
    number: int, line: int, cells: list[str], inspection: Inspection, positions: tuple[int, int | None, int | None]
) -> Row | RefusedRow:
    columns = inspection.columns
    beyond = [cell for cell in cells[len(columns) :] if cell]
    cells = [*cells[: len(columns)], *[""] * (len(columns) - len(cells))]
    text, external_id, gold = (cells[place] if place is not None else "" for place in positions)
    problem = text_problem(text, inspection.document_bytes)
    if beyond:
        problem = RefusalReason.RAGGED_ROW, f"The row has {len(beyond)} more cells than the header."
    problem = problem or name_problem("external id", external_id) or name_problem("gold label", gold)
    if problem:
        return RefusedRow(number, line, *problem, raw_row(_as_line([*cells, *beyond])))
    metadata: dict[str, JsonValue] = {
        name: storable(cell)
        for place, (name, cell) in enumerate(zip(columns, cells, strict=True))
        if place not in positions
    }
    return Row(number, line, text, external_id, gold, metadata)


def _as_line(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()


def _choose(book: Any, sheets: Sequence[str], wanted: str | None) -> str:
    if wanted:
        if wanted not in sheets:
            there = ", ".join(map(visible, sheets))
            raise FileRefused(f"There is no sheet “{visible(wanted)}”. The sheets are: {there}.")
        if next(_rows(book, wanted), None) is None:
            raise FileRefused(f"The sheet “{visible(wanted)}” is empty.")
        return wanted
    shown = [sheet.title for sheet in book.worksheets if sheet.sheet_state == "visible"]
    for name in (*shown, *(name for name in sheets if name not in shown)):
        if next(_rows(book, name), None) is not None:
            return name
    raise FileRefused("The workbook is empty: no sheet of it has a row.")


def _rows(book: Any, sheet: str) -> Iterator[tuple[int, _Cells]]:
    """Line and cells of each row that is not wholly empty, without the empty cells at its end."""
    worksheet = book[sheet]
    # What a file says about its own size is often wrong, and would cut rows off.
    worksheet.reset_dimensions()
    with _sentences():
        for line, cells in enumerate(worksheet.iter_rows(values_only=True), 1):
            last = max((place for place, cell in enumerate(cells, 1) if cell not in (None, "")), default=0)
            if last:
                yield line, cells[:last]


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    from openpyxl import load_workbook

    # As an open file, because the library goes by the name otherwise.
    with path.open("rb") as file:
        with _sentences():
            book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
        with closing(book):
            if not book.worksheets:
                raise FileRefused("The workbook has no sheet with rows.")
            yield book


@contextmanager
def _sentences() -> Iterator[None]:
    """Whatever a library stumbles over in a broken workbook becomes a sentence."""
    try:
        yield
    except (FileRefused, OSError, GeneratorExit):
        raise
    except Exception as error:  # the library raises KeyError, TypeError, ParseError and more for broken files
        raise FileRefused(f"The workbook cannot be read ({type(error).__name__}). {_SAVE}") from error


def _look_through(path: Path, options: ReadOptions) -> None:
    """Raise FileRefused for a workbook that would unpack to more than is bearable."""
    try:
        with zipfile.ZipFile(path) as packed:
            parts = packed.infolist()
            if len(parts) > MOST_PARTS:
                raise FileRefused(f"The workbook has {len(parts):,} parts; {MOST_PARTS:,} are read. {_SAVE}")
            _weigh(parts, options)
            for part in parts:
                if part.filename.startswith("xl/") and part.filename.endswith(".xml"):
                    _look_through_part(packed, part)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise FileRefused(f"The workbook is damaged or has a password. Open it, then save it again. {_SAVE}") from error


def _weigh(parts: Sequence[zipfile.ZipInfo], options: ReadOptions) -> None:
    unpacked = sum(part.file_size for part in parts)
    if unpacked > options.upload_bytes:
        raise FileRefused(
            f"The workbook unpacks to {unpacked:,} bytes; {options.upload_bytes:,} are allowed. Split it."
        )
    for part in parts:
        if part.file_size > PIECE_BYTES and part.file_size > MOST_PACKING * max(1, part.compress_size):
            raise FileRefused(f"A part of the workbook is packed suspiciously small. {_SAVE}")
        most = {"xl/sharedStrings.xml": MOST_SHARED_BYTES, "xl/styles.xml": MOST_STYLE_BYTES}.get(part.filename)
        if most is not None and part.file_size > most:
            what = "texts" if "Strings" in part.filename else "styles"
            raise FileRefused(
                f"The {what} of the workbook unpack to {part.file_size:,} bytes; {most:,} are read. {_SAVE}"
            )


def _look_through_part(packed: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    """No cell and no row without end, and nothing that stands for something else."""
    is_sheet = part.filename.startswith("xl/worksheets/")
    since_row = 0
    with packed.open(part) as file:
        while piece := file.read(PIECE_BYTES):
            if len(piece) == PIECE_BYTES and b"<" not in piece:
                raise FileRefused(f"A cell of the workbook has more than {PIECE_BYTES:,} bytes. {_SAVE}")
            if _DOCTYPE.search(piece):
                raise FileRefused(f"The workbook has a document type, which no spreadsheet writes. {_SAVE}")
            since_row = 0 if not is_sheet or _ROW.search(piece) else since_row + len(piece)
            if since_row > MOST_ROW_BYTES:
                raise FileRefused(f"A row of the workbook has more than {MOST_ROW_BYTES:,} bytes. {_SAVE}")
