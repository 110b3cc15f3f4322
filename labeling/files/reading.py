"""The rows of a file that was inspected."""

from collections.abc import Iterator
from pathlib import Path

from labeling.files import delimited, json_lines, plain_lines, workbooks
from labeling.files.blocks import TextBlocks
from labeling.files.shapes import Format, Inspection, RefusedRow, Row


def read_rows(path: Path | str, inspection: Inspection) -> Iterator[Row | RefusedRow]:
    """One item for every data row, in the order of the file, in constant memory.

    The same file and an equal inspection give the same sequence. Raises OSError if the file cannot be read, and
    FileRefused where a workbook turns out to be broken in the middle.
    """
    if inspection.format is Format.XLSX:
        yield from workbooks.read_workbook(Path(path), inspection)
        return
    with Path(path).open("rb") as file:
        blocks = TextBlocks(file, inspection.encoding, inspection.bom_bytes, line_limit(inspection))
        match inspection.format:
            case Format.CSV | Format.TSV:
                yield from delimited.DelimitedRows(blocks, inspection)
            case Format.JSONL:
                yield from json_lines.read_json_lines(blocks, inspection)
            case Format.TXT:
                yield from plain_lines.read_plain_lines(blocks, inspection)


def line_limit(inspection: Inspection) -> int:
    """Most bytes of one line that are read whole."""
    match inspection.format:
        case Format.JSONL:
            return json_lines.line_limit(inspection.document_bytes)
        case Format.TXT:
            return plain_lines.line_limit(inspection.document_bytes)
        case _:
            return delimited.row_limit(inspection.document_bytes)
