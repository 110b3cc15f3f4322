"""The delimiter and the header of a CSV or TSV file, found in its first block of lines."""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from labeling.files.columns import matching, refuse_too_many, unique_names
from labeling.files.delimited import EndOfLines, csv_rows
from labeling.files.quotes import unclosed_quote
from labeling.files.shapes import FileRefused, Format, ReadOptions

SAMPLE_ROWS = 200
PREVIEW_ROWS = 10

_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar", " ": "blank"}


@dataclass(frozen=True, slots=True)
class Head:
    """What the first lines of a delimited file say. names: the header, as it is; columns: made unique."""

    delimiter: str
    names: list[str]
    columns: tuple[str, ...]
    header_line: int
    header_text: str
    first_line: int
    preview: list[list[str]]


def read_head(lines: list[str], format_: Format, options: ReadOptions, warnings: list[str]) -> Head:
    """Delimiter, header and first rows. Raises FileRefused for a header that cannot be read."""
    delimiter = chosen_delimiter(options.delimiter) or _detected(lines, format_, options, warnings)
    rows = _rows(lines, delimiter)
    if not options.has_header:
        sample = list(islice(rows, SAMPLE_ROWS))
        width = _usual_width([cells for _, _, cells in sample])
        refuse_too_many(width)
        names = [f"column_{number}" for number in range(1, width + 1)]
        preview = [cells for _, _, cells in sample[:PREVIEW_ROWS]]
        return Head(delimiter, names, tuple(names), 0, "", 1, preview)
    begin, end, names = next(rows, (0, 0, []))
    header_text = "".join(lines[begin:end]).strip("\r\n")
    if not names or unclosed_quote(header_text, delimiter) is not None:
        raise FileRefused("The header opens a quote that is never closed.")
    warnings.append(f"Line {begin + 1} was taken for the header: {header_text[:200]}")
    columns = unique_names(names, warnings)
    sample = list(islice(rows, SAMPLE_ROWS))
    _warn_about_ragged_rows([cells for _, _, cells in sample], len(columns), warnings)
    preview = [cells for _, _, cells in sample[:PREVIEW_ROWS]]
    return Head(delimiter, names, columns, begin + 1, header_text, end + 1, preview)


def chosen_delimiter(wanted: str | None) -> str | None:
    """The one character that a person means, who may write `tab` or \\t."""
    if not wanted:
        return None
    delimiter = {"tab": "\t", "\\t": "\t"}.get(wanted.lower(), wanted)
    if len(delimiter) != 1 or delimiter in '"\r\n\0':
        raise FileRefused(f"“{wanted}” cannot be a delimiter. It is one character, such as a comma, or the word tab.")
    return delimiter


def _rows(lines: list[str], delimiter: str) -> Iterator[tuple[int, int, list[str]]]:
    """The whole rows among these lines: index of the first line, index behind the last, cells."""
    rows = csv_rows(lines, delimiter)
    begin = 0
    with suppress(EndOfLines):
        for cells in rows:
            if cells:
                yield begin, rows.line_num, cells
            begin = rows.line_num


def _detected(lines: list[str], format_: Format, options: ReadOptions, warnings: list[str]) -> str:
    """The delimiter that splits the header, has the wanted column, and gives most rows the same width.

    A header that none of them splits is one column, and then the format's own delimiter counts.
    """
    usual = "\t" if format_ is Format.TSV else ","
    fitness = {
        delimiter: _fitness([cells for _, _, cells in islice(_rows(lines, delimiter), SAMPLE_ROWS)], options)
        for delimiter in sorted(",;\t|", key=lambda mark: mark != usual)
    }
    best = max(fitness, key=lambda delimiter: fitness[delimiter])
    if fitness[best] == _UNFIT:
        best = usual
    if best != usual:
        warnings.append(f"The cells are separated by a {_NAMES[best]}.")
    return best


_UNFIT = (False, 0.0)


def _fitness(rows: list[list[str]], options: ReadOptions) -> tuple[bool, float]:
    width = len(rows[0]) if rows and options.has_header else _usual_width(rows)
    if width < 2:
        return _UNFIT
    has_column = options.has_header and bool(matching(rows[0], options.text_column or "text"))
    return has_column, sum(len(cells) == width for cells in rows) / len(rows)


def _usual_width(rows: list[list[str]]) -> int:
    """The number of cells that most rows have."""
    return Counter(map(len, rows)).most_common(1)[0][0] if rows else 1


def _warn_about_ragged_rows(rows: list[list[str]], width: int, warnings: list[str]) -> None:
    ragged = sum(len(cells) != width for cells in rows)
    if ragged * 2 > len(rows):
        warnings.append(
            f"{ragged} of the first {len(rows)} rows have more or fewer cells than the header. "
            "Is the delimiter right, and is the first line the header?"
        )
