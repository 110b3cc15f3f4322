"""Rows of JSONL: one JSON object per line, blank lines left out.

A text that is missing, null or not a string is refused as not_text. External ids and gold labels that are not strings
become their JSON text, as written in the file. Metadata keeps its JSON values; a NUL or lone surrogate in it becomes
U+FFFD, because PostgreSQL cannot store it.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import orjson

from labeling.files.blocks import TextBlocks
from labeling.files.columns import LONGEST_NAME
from labeling.files.shapes import Inspection, JsonValue, RefusedRow, Row
from labeling.files.text import (
    OTHER_COLUMNS_BYTES,
    Problem,
    name_problem,
    raw_problem,
    raw_row,
    storable,
    text_problem,
    too_large,
)
from labeling.states import RefusalReason

MOST_COLUMNS = 1_000
"""Keys that are listed as columns: a file with more uses its keys as data."""

EXACT = 2.0**53
"""Beyond it a float may stand for an integer that it cannot hold."""

_MISSING = object()
_UNSTORABLE_ESCAPE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_BAD_JSON = RefusalReason.BAD_JSON, RefusalReason.BAD_JSON.sentence

_TYPE_NAMES = {bool: "true or false", int: "a number", float: "a number", dict: "an object", list: "a list"}


class LineRefused(Exception):
    """The line is no document; `problem` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem[1])
        self.problem = problem


def line_limit(document_bytes: int) -> int:
    """Most bytes of a line: escapes make a text up to three times as long, and there are other keys."""
    return 4 * document_bytes + OTHER_COLUMNS_BYTES


def read_json_lines(blocks: TextBlocks, inspection: Inspection) -> Iterator[Row | RefusedRow]:
    """One Row or RefusedRow for every line that is not blank."""
    inspection.positions()
    number = 0
    for block in blocks:
        if block.too_long:
            number += 1
            problem = too_large("The line", line_limit(inspection.document_bytes))
            yield RefusedRow(number, block.first_line, *problem, raw_row(block.lines[0]))
            continue
        for line_number, line in enumerate(block.lines, block.first_line):
            if line.isspace():
                continue
            number += 1
            try:
                yield _row(number, line_number, line, inspection, clean=block.clean)
            except LineRefused as refused:
                yield RefusedRow(number, line_number, *refused.problem, raw_row(line))


def find_columns(
    blocks: TextBlocks, wanted: set[str], preview_rows: int
) -> tuple[list[str], list[dict[str, JsonValue]]]:
    """The keys of all rows together in order of appearance, and the first objects.

    wanted: names in lower case that are listed however many keys there are. No object at all: both are empty.
    """
    columns: dict[str, None] = {}
    preview: list[dict[str, JsonValue]] = []
    for block in blocks:
        if block.too_long:
            continue
        for line in block.lines:
            if line.isspace():
                continue
            try:
                value = read_object(line, clean=block.clean)
            except LineRefused:
                continue
            if len(preview) < preview_rows:
                preview.append(value)
            if not columns.keys() >= value.keys():
                for key in value:
                    is_listed = len(key) <= LONGEST_NAME and len(columns) < MOST_COLUMNS
                    if is_listed or key.strip().casefold() in wanted:
                        columns[key] = None
    return list(columns), preview


def _row(number: int, line_number: int, line: str, inspection: Inspection, *, clean: bool) -> Row:
    value = read_object(line, clean=clean)
    text = value.pop(inspection.text_column, _MISSING)
    if type(text) is not str:
        raise LineRefused((RefusalReason.NOT_TEXT, _why_not_text(text, inspection.text_column)))
    if problem := text_problem(text, inspection.document_bytes):
        raise LineRefused(problem)
    external_id = _name(value, inspection.id_column, line, "external id")
    gold_label = _name(value, inspection.gold_column, line, "gold label")
    return Row(number, line_number, text, external_id, gold_label, value and _metadata(value, line))


def read_object(line: str, *, clean: bool) -> dict[Any, Any]:
    """The object on a line. Raises LineRefused."""
    if not clean and (problem := raw_problem(line)):
        raise LineRefused(problem)
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        # orjson is right to refuse a lone surrogate; this one reads it, so that the reason can be named.
        value = _read_slowly(line)
    if not isinstance(value, dict):
        raise LineRefused(_BAD_JSON)
    return value


def _read_slowly(line: str) -> object:
    try:
        return json.loads(line, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError):
        raise LineRefused(_BAD_JSON) from None


def _finite(written: str) -> float:
    number = float(written)
    if math.isinf(number) or math.isnan(number):
        raise ValueError(written)
    return number


def _why_not_text(value: object, column: str | None) -> str:
    if value is _MISSING:
        return f"The line has no “{column}”."
    if value is None:
        return f"The value of “{column}” is null, not a string."
    return f"The value of “{column}” is {_TYPE_NAMES[type(value)]}, not a string."


def _name(value: dict[str, JsonValue], column: str | None, line: str, what: str) -> str:
    """External id or gold label: a string as it is, nothing as nothing, anything else as its JSON text."""
    if column is None:
        return ""
    found = value.pop(column, None)
    if type(found) is float:
        name = str(json.loads(line, parse_float=str)[column])
    elif isinstance(found, str):
        name = found
    else:
        name = "" if found is None else json.dumps(found, ensure_ascii=False)
    if problem := name_problem(what, name):
        raise LineRefused(problem)
    return name


def _metadata(value: dict[str, JsonValue], line: str) -> dict[str, JsonValue]:
    """The keys without a role, storable and exact."""
    for item in value.values():
        # orjson makes a float of an integer beyond 64 bits.
        if type(item) is float and not -EXACT < item < EXACT:
            exact = _read_slowly(line)
            assert isinstance(exact, dict)
            value = {key: exact[key] for key in value}
            break
    if "\\u" in line and _UNSTORABLE_ESCAPE.search(line):
        return {str(storable(key)): storable(item) for key, item in value.items()}
    return value
