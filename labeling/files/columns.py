"""Which column holds the text, the external id and the gold label."""

from collections import Counter
from collections.abc import Sequence

from labeling.files.shapes import FileRefused, ReadOptions
from labeling.files.text import visible

SHOWN_COLUMNS = 30

MOST_COLUMNS = 5_000
"""Of a table: each is a choice on the page and a name in the metadata of every row."""

LONGEST_NAME = 300
"""Characters."""


def unique_names(header: list[str], warnings: list[str]) -> tuple[str, ...]:
    """The header's cells as names of metadata: an empty one is numbered, a repeated one gets _2, _3, …

    One that is longer than a name is cut: then the first line is rather a document, which a person will say.
    """
    refuse_too_many(len(header))
    taken = {short(visible(cell)) for cell in header if cell.strip()}
    names: dict[str, None] = {}
    repeated: list[str] = []
    numbers = Counter[str]()
    for position, cell in enumerate(header, start=1):
        name = short(visible(cell))
        if not cell.strip():
            name = _free(f"column_{position}", taken, numbers)
        elif name in names:
            name = _free(name, taken, numbers)
            repeated.append(
                f"The header names a column “{short(visible(cell))}” again; the later one is called “{name}” here."
            )
        taken.add(name)
        names[name] = None
    warnings += repeated[:SHOWN_COLUMNS]
    if more := len(repeated[SHOWN_COLUMNS:]):
        warnings.append(f"And {more:,} more columns have names that are there already.")
    return tuple(names)


def refuse_too_many(columns: int) -> None:
    if columns > MOST_COLUMNS:
        raise FileRefused(f"The first line has {columns:,} columns; {MOST_COLUMNS:,} are read. Is the delimiter right?")


def short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def _free(wanted: str, taken: set[str], numbers: Counter[str]) -> str:
    """`numbers` remembers how far each name was counted, so that a thousand of one name are counted once."""
    name = wanted
    while name in taken:
        numbers[wanted] += 1
        name = f"{wanted}_{numbers[wanted] + 1}"
    return name


def matching(header: Sequence[str], wanted: str) -> list[int]:
    """Positions of the columns of that name: exactly, else apart from case and surrounding blanks."""
    exact = [position for position, name in enumerate(header) if name == wanted]
    plain = wanted.strip().casefold()
    return exact or [position for position, name in enumerate(header) if name.strip().casefold() == plain]


def choose_columns(
    header: Sequence[str], names: Sequence[str], options: ReadOptions
) -> tuple[int, int | None, int | None]:
    """Positions of text, external id and gold label.

    header: as in the file; names: the same made unique, so that a repeated column can be chosen after all.
    Raises FileRefused with the columns that exist.
    """
    if options.text_column:
        text: int | None = _named_column(header, names, options.text_column, "text")
    else:
        text = _text_column(header)
    external_id = _named_column(header, names, options.id_column, "external id")
    gold = _named_column(header, names, options.gold_column, "gold label")
    chosen = [position for position in (text, external_id, gold) if position is not None]
    if len(set(chosen)) < len(chosen):
        raise FileRefused("Text, external id and gold label must be different columns.")
    return chosen[0], external_id, gold


def _text_column(header: Sequence[str]) -> int:
    found = matching(header, "text")
    if len(found) > 1:
        raise FileRefused(f"More than one column is named “text”. {_there_are(header)}")
    if found:
        return found[0]
    if len(header) == 1:
        return 0
    raise FileRefused(f"It is not clear which column holds the text. {_there_are(header)} Choose one.")


def _named_column(header: Sequence[str], names: Sequence[str], wanted: str | None, role: str) -> int | None:
    if not wanted:
        return None
    found = matching(header, wanted) or matching(names, wanted)
    if not found:
        raise FileRefused(f"There is no column “{wanted}” for the {role}. {_there_are(header)}")
    if len(found) > 1:
        raise FileRefused(f"The column “{wanted}” for the {role} is there {len(found)} times. {_there_are(header)}")
    return found[0]


def _there_are(header: Sequence[str]) -> str:
    names = ", ".join(visible(name)[:80] or "(no name)" for name in header[:SHOWN_COLUMNS])
    more = f" and {len(header) - SHOWN_COLUMNS:,} more" if len(header) > SHOWN_COLUMNS else ""
    return f"The columns are: {names}{more}."
