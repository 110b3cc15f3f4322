"""Keyset paging: a page begins after an id and never counts what it skips."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Model, QuerySet
from django.http import QueryDict

PAGE = 50
MOST_TICKED = 1000
LARGEST_ID = 2**62
"""No id is larger, and PostgreSQL compares it, and the next one, without complaint."""

WORDING = ("version__instructions", "version__labels", "version__schema")
"""Long columns of the version of a row, which no list shows."""

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """Rows newest first; `older` and `newer` are the ids to go on from, None where there is nothing."""

    rows: Sequence[M]
    older: int | None
    newer: int | None


def page_of(
    rows: QuerySet[M, Any], *, before: int | None = None, after: int | None = None, size: int = PAGE
) -> Page[M]:
    """The page older than `before`, or newer than `after`, or the newest one."""
    if after is not None:
        found = list(rows.filter(pk__gt=after).order_by("pk")[: size + 1])
        more, shown = len(found) > size, list(reversed(found[:size]))
        return Page(shown, shown[-1].pk if shown else None, shown[0].pk if more else None)
    older = rows.filter(pk__lt=before) if before is not None else rows
    found = list(older.order_by("-pk")[: size + 1])
    shown = found[:size]
    newer = shown[0].pk if before is not None and shown else None
    return Page(shown, shown[-1].pk if len(found) > size else None, newer)


def an_id(text: str | None) -> int | None:
    """An id out of an address; None for anything that cannot be one."""
    is_short = text is not None and len(text) <= 19  # of thousands of digits Python makes no number
    if text and is_short and text.isascii() and text.isdecimal() and int(text) <= LARGEST_ID:
        return int(text)
    return None


def a_word(text: str | None) -> str:
    """A filter out of an address; empty for one with NUL, which no text in PostgreSQL can hold."""
    return text if text and "\0" not in text else ""


def ids_in(data: QueryDict, name: str) -> list[int]:
    """The rows that were ticked, at most a thousand; what is no id is left out."""
    return [pk for word in data.getlist(name)[:MOST_TICKED] if (pk := an_id(word)) is not None]
