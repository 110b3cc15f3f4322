"""Look at a file before its rows are read: what it is, how it is written, which columns it has."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from labeling.files import json_lines, workbooks
from labeling.files.blocks import TextBlocks
from labeling.files.columns import choose_columns
from labeling.files.dialect import PREVIEW_ROWS, read_head
from labeling.files.encodings import Survey, survey
from labeling.files.formats import HEAD_BYTES, choose_format, no_objects, refuse_foreign, refuse_json_list
from labeling.files.reading import line_limit
from labeling.files.shapes import ColumnNotChosen, FileRefused, Format, Inspection, JsonValue, ReadOptions
from labeling.files.text import storable, visible

PREVIEW_CHARACTERS = 300
PACKED = b"PK\x03\x04"


@dataclass(frozen=True, slots=True)
class Found:
    """A file on the way to its Inspection. names: the columns as the file calls them."""

    inspection: Inspection
    names: Sequence[str]


def inspect(path: Path | str, file_name: str, options: ReadOptions | None = None) -> Inspection:
    """How the file at `path`, called `file_name` by its owner, will be read.

    Reads the whole file once for its encoding, and a JSONL file once more for its keys. Raises FileRefused with a
    sentence, and ColumnNotChosen (which has the inspection so far) when only the columns are in doubt.
    """
    options = options or ReadOptions()
    path = Path(path)
    try:
        return _inspect(path, file_name, options)
    except FileNotFoundError:
        raise FileRefused(f"There is no file “{path}”.") from None
    except IsADirectoryError:
        raise FileRefused(f"“{path}” is a folder, not a file.") from None
    except OSError as error:
        raise FileRefused(f"The file “{path}” cannot be read: {error.strerror}.") from error


def _inspect(path: Path, file_name: str, options: ReadOptions) -> Inspection:
    size = path.stat().st_size
    if size > options.upload_bytes:
        raise FileRefused(f"The file has {size:,} bytes; {options.upload_bytes:,} are allowed. Split it.")
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if head.startswith(PACKED) and workbooks.is_workbook(path):
        return _inspect_workbook(path, options)
    refuse_foreign(head, file_name)
    if options.format == Format.XLSX:
        raise FileRefused("The file is no XLSX workbook.")
    found = survey(path, options.encoding)
    blank = _blank_inspection(found, options)
    first_block = _first_lines(path, blank)
    format_ = choose_format(first_block, file_name, options.format, found.warnings)
    blank = replace(blank, format=format_)
    match format_:
        case Format.JSONL:
            described = _describe_json(path, file_name, blank, first_block, options, found.warnings)
        case Format.TXT:
            described = _describe_plain(blank, first_block)
        case _:
            described = _describe_delimited(blank, first_block, options, found.warnings)
    described = Found(replace(described.inspection, warnings=tuple(map(visible, found.warnings))), described.names)
    return _with_columns(described, options)


def _inspect_workbook(path: Path, options: ReadOptions) -> Inspection:
    """A workbook says itself how it is written; only the sheet and the columns are to be chosen."""
    if options.format not in (None, Format.XLSX):
        raise FileRefused(f"The file is an XLSX workbook and cannot be read as {options.format.upper()}.")
    warnings: list[str] = []
    opening = workbooks.look(path, options, warnings)
    inspection = replace(
        _blank_inspection(Survey(), options),
        format=Format.XLSX,
        columns=opening.columns,
        header_line=opening.header_line,
        header_text=visible(", ".join(opening.names))[:PREVIEW_CHARACTERS] if opening.header_line else "",
        first_line=opening.first_line,
        preview=_previewed(opening.preview, len(opening.columns)),
        warnings=tuple(map(visible, warnings)),
        sheet=opening.sheet,
        sheets=opening.sheets,
    )
    return _with_columns(Found(inspection, opening.names), options)


def _blank_inspection(found: Survey, options: ReadOptions) -> Inspection:
    return Inspection(
        format=options.format or Format.TXT,
        encoding=found.encoding,
        bom_bytes=found.bom_bytes,
        delimiter="",
        columns=("text",),
        header_line=0,
        header_text="",
        first_line=1,
        text_column=None,
        id_column=None,
        gold_column=None,
        document_bytes=options.document_bytes,
        preview=(),
        warnings=(),
    )


def _first_lines(path: Path, inspection: Inspection) -> list[str]:
    with path.open("rb") as file:
        block = TextBlocks(file, inspection.encoding, inspection.bom_bytes, line_limit(inspection)).read()
    assert block is not None
    return block.lines


def _describe_delimited(blank: Inspection, first_block: list[str], options: ReadOptions, warnings: list[str]) -> Found:
    head = read_head(first_block, blank.format, options, warnings)
    inspection = replace(
        blank,
        delimiter=head.delimiter,
        columns=head.columns,
        header_line=head.header_line,
        header_text=visible(head.header_text[:PREVIEW_CHARACTERS]),
        first_line=head.first_line,
        preview=_previewed(head.preview, len(head.columns)),
    )
    return Found(inspection, head.names)


def _describe_json(
    path: Path,
    file_name: str,
    blank: Inspection,
    first_block: list[str],
    options: ReadOptions,
    warnings: list[str],
) -> Found:
    wanted = {
        name.strip().casefold()
        for name in (options.text_column or "text", options.id_column, options.gold_column)
        if name
    }
    refuse_json_list(first_block)
    with path.open("rb") as file:
        blocks = TextBlocks(file, blank.encoding, blank.bom_bytes, line_limit(blank))
        columns, objects = json_lines.find_columns(blocks, wanted, PREVIEW_ROWS)
    if not objects:
        raise no_objects(first_block, file_name)
    if len(columns) >= json_lines.MOST_COLUMNS:
        warnings.append(f"There are more than {json_lines.MOST_COLUMNS:,} different keys; only the first are listed.")
    preview = tuple(tuple(_shown(value.get(column)) for column in columns) for value in objects)
    return Found(replace(blank, columns=tuple(map(visible, columns)), preview=preview), columns)


def _describe_plain(blank: Inspection, first_block: list[str]) -> Found:
    preview = tuple((_shown(line.rstrip("\r\n")),) for line in first_block[:PREVIEW_ROWS])
    return Found(replace(blank, preview=preview), blank.columns)


def _previewed(rows: Iterable[Sequence[str]], width: int) -> tuple[tuple[str, ...], ...]:
    """One cell more than there are columns shows that a row is too long; it may have a million."""
    return tuple(tuple(map(_shown, cells[: width + 1])) for cells in rows)


def _shown(value: JsonValue) -> str:
    """A cell of the preview."""
    if value is None:
        return ""
    cell = value if isinstance(value, str) else json.dumps(storable(value), ensure_ascii=False)
    return visible(cell if len(cell) <= PREVIEW_CHARACTERS else cell[: PREVIEW_CHARACTERS - 1] + "…")


def _with_columns(found: Found, options: ReadOptions) -> Inspection:
    inspection = found.inspection
    try:
        text, external_id, gold = choose_columns(found.names, inspection.columns, options)
    except FileRefused as refused:
        raise ColumnNotChosen(str(refused), inspection) from None
    return replace(
        inspection,
        text_column=inspection.columns[text],
        id_column=None if external_id is None else inspection.columns[external_id],
        gold_column=None if gold is None else inspection.columns[gold],
    )
