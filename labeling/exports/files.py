"""The rows as a file: CSV, JSONL or a spreadsheet.

CSV is UTF-8 without a byte order mark, with CRLF line ends (RFC 4180) and a guard against formulas; JSONL gives
every text exactly as it came in.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import IO, Any

import orjson

from labeling import store
from labeling.exports import spreadsheet
from labeling.exports.naming import MetadataNames
from labeling.exports.pieces import PIECE_BYTES, gathered
from labeling.exports.reading import COLUMNS, Found, documents, metadata_names, named, select, select_chosen
from labeling.files import guard_formula
from labeling.models import LabelingTask, Selection, Upload

PROGRESS_EVERY = 10_000
MORE = "more_metadata"
"""The column for metadata without a column of its own, as JSON."""

_NESTED = frozenset({dict, list})
_SOURCE = COLUMNS.index("source")
_MONEY = (COLUMNS.index("list_cost_usd"), COLUMNS.index("paid_cost_usd"))

Row = dict[str, Any]


class Format(StrEnum):
    CSV = "csv"
    JSONL = "jsonl"
    XLSX = "xlsx"


CONTENT_TYPES = {
    Format.CSV: "text/csv; charset=utf-8",
    Format.JSONL: "application/jsonl; charset=utf-8",
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@dataclass(slots=True)
class Summary:
    """What a file holds. labeled: documents with a label; cells_cut: cells of a spreadsheet that were too long."""

    documents: int = 0
    labeled: int = 0
    cells_cut: int = 0


def write(
    file: IO[bytes],
    format: Format,
    *,
    task: LabelingTask | None = None,
    upload: Upload | None = None,
    since: datetime | None = None,
    chosen: Selection | None = None,
    progress: Callable[[Summary], None] | None = None,
) -> Summary:
    """Write the documents of a task or an upload (`rows`); `progress` hears the summary so far now and then."""
    summary = Summary()
    selection = select_chosen(chosen) if chosen else select(task, upload, since)
    found = _counted(documents(selection), summary, progress)
    if format is Format.XLSX:
        table = _Table(metadata_names(selection))
        cells = (table.cells(_with_numbers(values), metadata) for values, metadata in found)
        summary.cells_cut = spreadsheet.write(file, table.header, cells)
    else:
        for piece in _pieces(format, found, metadata_names(selection)):
            file.write(piece)
    return summary


def stream(
    format: Format,
    *,
    task: LabelingTask | None = None,
    upload: Upload | None = None,
    since: datetime | None = None,
    chosen: Selection | None = None,
) -> Iterator[bytes]:
    """The same file in pieces; a spreadsheet is made on disk first."""
    if format is Format.XLSX:
        with store.temporary_file("exports") as file:
            write(file, format, task=task, upload=upload, since=since, chosen=chosen)
            file.seek(0)
            while piece := file.read(PIECE_BYTES):
                yield piece
    else:
        selection = select_chosen(chosen) if chosen else select(task, upload, since)
        yield from _pieces(format, documents(selection), metadata_names(selection))


def json_lines(rows: Iterable[Row]) -> Iterator[bytes]:
    """One object per line, in pieces of some size."""
    return gathered(_json(row) + b"\n" for row in rows)


def delimited(header: Sequence[str], rows: Iterable[Sequence[Any]], delimiter: str = ",") -> Iterator[bytes]:
    """CSV in pieces of some size; strings are guarded against being run as a formula."""
    lines = io.StringIO(newline="")
    writer = csv.writer(lines, delimiter=delimiter)
    writer.writerow(map(guard_formula, header))
    for row in rows:
        writer.writerow([guard_formula(value) if type(value) is str else _cell(value) for value in row])
        if lines.tell() >= PIECE_BYTES:
            yield lines.getvalue().encode()
            lines.seek(0)
            lines.truncate()
    yield lines.getvalue().encode()


def as_json(value: object) -> str:
    """JSON text for a cell, letters as they are."""
    return json.dumps(value, ensure_ascii=False)


def _counted(found: Iterable[Found], summary: Summary, progress: Callable[[Summary], None] | None) -> Iterator[Found]:
    for document in found:
        summary.documents += 1
        summary.labeled += document[0][_SOURCE] != ""
        if progress and summary.documents % PROGRESS_EVERY == 0:
            progress(summary)
        yield document


def _pieces(format: Format, found: Iterable[Found], names: MetadataNames) -> Iterator[bytes]:
    if format is Format.JSONL:
        return json_lines(named(found, names))
    table = _Table(names)
    return delimited(table.header, (table.cells(values, metadata) for values, metadata in found))


def _json(row: Row) -> bytes:
    try:
        return orjson.dumps(row)
    except TypeError:  # an integer beyond 64 bits
        return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode()


class _Table:
    """The columns of a file with columns, and the rows under them."""

    def __init__(self, names: MetadataNames) -> None:
        self._own = tuple(names.columns)
        self._has_more = not names.are_all
        shown = tuple(names.columns.values())
        more = f"source_{MORE}" if MORE in shown else MORE
        self.header = (*COLUMNS, *shown, *((more,) if self._has_more else ()))

    def cells(self, values: list[Any], metadata: dict[str, Any]) -> list[Any]:
        """The values in the order of the header; what has no column stands together in the last one."""
        cells = [metadata.pop(name, None) for name in self._own]
        if self._has_more:
            cells.append(metadata or None)
        return values + [as_json(cell) if type(cell) in _NESTED else cell for cell in cells]


def _with_numbers(values: list[Any]) -> list[Any]:
    """Money as numbers, so that a spreadsheet can sum it."""
    values = list(values)
    for place in _MONEY:
        values[place] = Decimal(values[place]) if values[place] else None
    return values


def _cell(value: Any) -> Any:
    """A cell of CSV that is no string; true, false and numbers are spelled as in JSON."""
    if value is None or (type(value) is int and value >= 0):
        return value
    return guard_formula(as_json(value))
