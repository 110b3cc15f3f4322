"""Which column holds the text, the external id and the gold label."""

from collections.abc import Sequence

from labeling.files.shapes import FileRefused, ReadOptions
from labeling.files.text import visible

SHOWN_COLUMNS = 30


def unique_names(header: list[str], warnings: list[str]) -> tuple[str, ...]:
    """The header's cells as names of metadata: an empty one is numbered, a repeated one gets _2, _3, …"""
    taken = {visible(cell) for cell in header if cell.strip()}
    names: list[str] = []
    for position, cell in enumerate(header, start=1):
        name = visible(cell)
        if not cell.strip():
            name = _free(f"column_{position}", taken)
        elif name in names:
            name = _free(name, taken)
            warnings.append(
                f"The header names a column “{visible(cell)}” again; the later one is called “{name}” here."
            )
        taken.add(name)
        names.append(name)
    return tuple(names)


def _free(wanted: str, taken: set[str]) -> str:
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted}_{number}", number + 1
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
