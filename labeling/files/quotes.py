"""Where a row of a delimited file ends, and which quote of it was never closed.

Both follow the csv module character by character: a quote opens a field only at its beginning, two quotes inside are
one, and what stands between a closing quote and the next delimiter is taken as it is.
"""

import re

_QUOTED = re.compile(r'(?:[^"]++|"")*+"')
"""A quoted field from behind its opening quote to its closing one. Possessive: no backtracking on long texts."""


def unclosed_quote(row: str, delimiter: str) -> int | None:
    """Position of the quote in `row` that was opened and never closed; None if there is none.

    A field that spans several lines and whose closing quote is followed by anything but a delimiter or a line end
    counts as never closed: that quote is the opening one of a later row, and everything between was swallowed.
    Within one line the same is only sloppy, and is taken as the csv module takes it.
    """
    end_of_field = re.compile(rf"{re.escape(delimiter)}|[\r\n]")
    start = 0
    while True:
        behind = start
        if row.startswith('"', start):
            quoted = _QUOTED.match(row, start + 1)
            if quoted is None:
                return start
            behind = quoted.end()
            follows = row[behind : behind + 1]
            if follows not in ("", delimiter, "\r", "\n") and _spans_lines(row, start, behind):
                return start
        found = end_of_field.search(row, behind)
        if found is None or found[0] != delimiter:
            return None
        start = found.end()


def changes_state(line: str) -> bool:
    """Whether a line inside a quoted field can end it: it has a quote that is not one of a pair."""
    return '"' in line and '"' in line.replace('""', "")


def _spans_lines(row: str, start: int, end: int) -> bool:
    return row.find("\n", start, end) >= 0 or row.find("\r", start, end) >= 0
