"""Rows of TXT: every line is one document. A blank line is a refused row."""

from collections.abc import Iterator

from labeling.files.blocks import TextBlocks
from labeling.files.shapes import Inspection, RefusedRow, Row
from labeling.files.text import OTHER_COLUMNS_BYTES, raw_problem, raw_row, text_problem, too_large


def line_limit(document_bytes: int) -> int:
    """Most bytes of a line: UTF-16 takes up to twice the bytes of UTF-8."""
    return 2 * document_bytes + OTHER_COLUMNS_BYTES


def read_plain_lines(blocks: TextBlocks, inspection: Inspection) -> Iterator[Row | RefusedRow]:
    """One Row or RefusedRow for every line; its number is the line's."""
    for block in blocks:
        for number, line in enumerate(block.lines, block.first_line):
            text = line.rstrip("\r\n")
            problem = None if block.clean else raw_problem(text)
            if block.too_long:
                problem = too_large("The line", line_limit(inspection.document_bytes))
            problem = problem or text_problem(text, inspection.document_bytes)
            if problem:
                yield RefusedRow(number, number, *problem, raw_row(line))
            else:
                yield Row(number, number, text, "", "", {})
