"""Rows of CSV and TSV, read with the csv module a block of lines at a time.

The csv module alone would let a quote that is never closed swallow the rest of the file. So every row that spans
several lines is looked at again (`quotes.unclosed_quote`): if its quote was never closed, only the lines up to that
quote are refused, and reading goes on with the next line. A row that outgrows LONG_ROW_CHARACTERS is not collected
before it is known where it ends; that needs only those lines of it that have a quote.
"""

import csv
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Protocol, Self

from labeling.files.blocks import Block, TextBlocks
from labeling.files.quotes import changes_state, unclosed_quote
from labeling.files.shapes import Inspection, JsonValue, RefusedRow, Row
from labeling.files.text import (
    BYTES_OF_A_CHARACTER,
    NAME_CHARACTERS,
    OTHER_COLUMNS_BYTES,
    Problem,
    name_problem,
    raw_problem,
    raw_row,
    text_problem,
    too_large,
)
from labeling.states import RefusalReason

LONG_ROW_CHARACTERS = 4_194_304

MOST_TELLING_LINES = 100_000
"""A row in which more lines than this close one quoted cell and open another is taken for one unclosed quote."""

_NO_FIELD_LIMIT = 2**31 - 1


def row_limit(document_bytes: int) -> int:
    """Most bytes of a line, most characters of a row: a text all of quotes is doubled, and there are other columns."""
    return 2 * document_bytes + OTHER_COLUMNS_BYTES


class EndOfLines(Exception):
    """The csv module asked for a line that is not there: the row is not complete."""


class NoMoreLines:
    """Stands behind the lines given to the csv module, which then cannot take an unfinished row for a whole one."""

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        raise EndOfLines


class CsvRows(Protocol):
    """A reader of the csv module. line_num: lines that it took so far."""

    @property
    def line_num(self) -> int: ...
    def __iter__(self) -> Iterator[list[str]]: ...
    def __next__(self) -> list[str]: ...


def csv_rows(lines: Iterable[str], delimiter: str) -> CsvRows:
    """The csv module's rows of these lines; EndOfLines at their end, be it between two rows or within one."""
    csv.field_size_limit(_NO_FIELD_LIMIT)  # its own bound is for all of the process; here rows are bounded instead
    return csv.reader(chain(lines, NoMoreLines()), delimiter=delimiter)


@dataclass(frozen=True, slots=True)
class RowEnd:
    """Where a long row ends. unclosed_line: line of a quote that was never closed; then the end means nothing."""

    line: int
    characters: int
    unclosed_line: int | None


class DelimitedRows:
    """The rows of one file, once."""

    def __init__(self, blocks: TextBlocks, inspection: Inspection) -> None:
        self._blocks = blocks
        self._columns = inspection.columns
        self._delimiter = inspection.delimiter
        self._document_bytes = inspection.document_bytes
        self._row_limit = row_limit(inspection.document_bytes)
        self._text, self._id, self._gold = inspection.positions()
        self._metadata = _metadata_reader(inspection)
        self._number = 0
        # What was read and is not yet a finished row.
        self._lines: list[str] = []
        self._first_line = inspection.first_line
        self._clean = True

    def __iter__(self) -> Iterator[Row | RefusedRow]:
        for block in self._blocks:
            if block.too_long:
                yield from self._rows(at_end=True)
                yield self._too_long_line(block)
                continue
            self._append(block)
            yield from self._rows(at_end=False)
            while sum(map(len, self._lines)) > LONG_ROW_CHARACTERS:
                yield from self._long_row()
                yield from self._rows(at_end=False)
        yield from self._rows(at_end=True)

    def _append(self, block: Block) -> None:
        """Add the lines of a block, without those before the line that is wanted next."""
        skipped = max(0, self._first_line + len(self._lines) - block.first_line)
        self._clean = block.clean and (self._clean or not self._lines)
        self._lines = self._lines + block.lines[skipped:]

    def _rows(self, *, at_end: bool) -> Iterator[Row | RefusedRow]:
        """The finished rows of the lines at hand; the others stay. at_end: no other line follows these."""
        lines, first_line, clean = self._lines, self._first_line, self._clean
        width, text_at, id_at, gold_at, metadata = len(self._columns), self._text, self._id, self._gold, self._metadata
        short = self._document_bytes // BYTES_OF_A_CHARACTER
        start, given, more = 0, 0, iter(lines)
        while start < len(lines):
            # After an unclosed quote the csv module gets again the lines that it had swallowed, and then the others.
            base, again = start, lines[start:given]
            rows = csv_rows(chain(again, more), self._delimiter)
            try:
                for cells in rows:
                    end = base + rows.line_num
                    # The common case, in as few steps as possible; everything else goes the careful way.
                    if clean and end - start == 1 and len(cells) == width:
                        text = cells[text_at]
                        external_id = "" if id_at is None else cells[id_at]
                        gold_label = "" if gold_at is None else cells[gold_at]
                        if (
                            text
                            and len(text) <= short
                            and not text.isspace()
                            and len(external_id) <= NAME_CHARACTERS
                            and len(gold_label) <= NAME_CHARACTERS
                        ):
                            self._number += 1
                            yield Row(self._number, first_line + start, text, external_id, gold_label, metadata(cells))
                            start = end
                            continue
                    if cells:
                        unclosed = _unclosed_line(lines[start:end], self._delimiter)
                        if unclosed is not None:
                            yield self._open_quote(lines[start:end], first_line + start, first_line + start + unclosed)
                            start += unclosed + 1
                            given = max(given, end)
                            break
                        yield self._careful_row(cells, "".join(lines[start:end]), first_line + start)
                    start = end
            except EndOfLines:
                given = len(lines)
                if not at_end:
                    break
                if start < len(lines):
                    unclosed = _unclosed_line(lines[start:], self._delimiter) or 0
                    yield self._open_quote(lines[start:], first_line + start, first_line + start + unclosed)
                    start += unclosed + 1
        self._go_on_at(first_line + start)

    def _careful_row(self, cells: list[str], raw: str, line_number: int) -> Row | RefusedRow:
        problem = self._problem(cells, raw)
        if problem:
            return self._refused(line_number, problem, raw)
        self._number += 1
        return Row(
            self._number,
            line_number,
            cells[self._text],
            "" if self._id is None else cells[self._id],
            "" if self._gold is None else cells[self._gold],
            self._metadata(cells),
        )

    def _problem(self, cells: list[str], raw: str) -> Problem | None:
        if not self._clean and (problem := raw_problem(raw)):
            return problem
        if len(raw) > self._row_limit:
            return too_large("The row", self._row_limit)
        if len(cells) != len(self._columns):
            return RefusalReason.RAGGED_ROW, (
                f"The row has {_counted(len(cells), 'cell')}; there {_columns(len(self._columns))}."
            )
        if problem := text_problem(cells[self._text], self._document_bytes):
            return problem
        if self._id is not None and (problem := name_problem("external id", cells[self._id])):
            return problem
        if self._gold is not None:
            return name_problem("gold label", cells[self._gold])
        return None

    def _long_row(self) -> Iterator[RefusedRow]:
        """Collect the row that begins with the lines at hand, or refuse it and stand behind it."""
        position = self._blocks.position
        end = self._look_ahead()
        self._blocks.seek(position)
        if end.unclosed_line is not None:
            yield self._open_quote(self._lines, self._first_line, end.unclosed_line)
            self._go_on_at(end.unclosed_line + 1)
        elif end.characters > self._row_limit:
            yield self._refused(self._first_line, too_large("The row", self._row_limit), "".join(self._lines[:1000]))
            self._go_on_at(end.line + 1)
        else:
            while self._first_line + len(self._lines) <= end.line and (block := self._blocks.read()):
                self._append(block)

    def _look_ahead(self) -> RowEnd:
        """Find the end of the row that begins with the lines at hand, in little memory: see `quotes.changes_state`."""
        telling: dict[int, str] = {}
        line_number = characters = 0

        def telling_lines() -> Iterator[str]:
            nonlocal line_number, characters
            for line_number, line in self._lines_ahead():
                characters += len(line)
                if not telling or changes_state(line):
                    telling[line_number] = line
                    yield line
                if len(telling) > MOST_TELLING_LINES:
                    return

        with suppress(EndOfLines):
            next(csv_rows(telling_lines(), self._delimiter))
        unclosed = _unclosed_line(list(telling.values()), self._delimiter)
        return RowEnd(line_number, characters, None if unclosed is None else list(telling)[unclosed])

    def _lines_ahead(self) -> Iterator[tuple[int, str]]:
        yield from enumerate(self._lines, self._first_line)
        for block in self._blocks:
            if block.too_long:
                return
            yield from enumerate(block.lines, block.first_line)

    def _go_on_at(self, line_number: int) -> None:
        self._lines = self._lines[line_number - self._first_line :]
        self._first_line = line_number

    def _too_long_line(self, block: Block) -> RefusedRow:
        self._go_on_at(block.first_line + 1)
        return self._refused(block.first_line, too_large("The line", self._row_limit), block.lines[0])

    def _open_quote(self, lines: list[str], line_number: int, quote_line: int) -> RefusedRow:
        sentence = f"A quote was opened in line {quote_line:,} and never closed."
        raw = "".join(lines[: quote_line - line_number + 1])
        return self._refused(line_number, (RefusalReason.OPEN_QUOTE, sentence), raw)

    def _refused(self, line_number: int, problem: Problem, raw: str) -> RefusedRow:
        self._number += 1
        return RefusedRow(self._number, line_number, *problem, raw_row(raw))


def _unclosed_line(lines: list[str], delimiter: str) -> int | None:
    """Index of the line in which a quote was opened that is never closed; None for a row that is in order."""
    if len(lines) == 1 and lines[0].find('"') < 0:
        return None
    at = unclosed_quote("".join(lines), delimiter)
    if at is None:
        return None
    for index, line in enumerate(lines):
        at -= len(line)
        if at < 0:
            return index
    return len(lines) - 1


def _metadata_reader(inspection: Inspection) -> Callable[[list[str]], dict[str, JsonValue]]:
    """A function from the cells of a row to the columns that have no role, by name."""
    rest = [position for position in range(len(inspection.columns)) if position not in inspection.positions()]
    names = [inspection.columns[position] for position in rest]
    if not rest:
        return lambda cells: {}
    if len(rest) == 1:
        name, only = names[0], rest[0]
        return lambda cells: {name: cells[only]}
    pick = itemgetter(*rest)
    return lambda cells: dict(zip(names, pick(cells), strict=True))


def _counted(number: int, word: str) -> str:
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def _columns(number: int) -> str:
    return f"{'is' if number == 1 else 'are'} {_counted(number, 'column')}"
