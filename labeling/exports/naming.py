"""The names under which metadata stands beside our own columns. Pure: no ORM."""

from collections.abc import Collection, Sequence
from typing import Any


class MetadataNames:
    """Own names, but `source_<name>` where one is taken by a column of ours.

    columns: the names that get a column, in order, each with the name it is shown under.
    are_all: no document has another name; else the others come after these.
    """

    def __init__(self, names: Sequence[str], *, taken: Collection[str], are_all: bool) -> None:
        self._taken = frozenset(taken)
        own = set(names)
        self.columns = {name: self._shown(name, own) for name in names}
        self.are_all = are_all
        self._place = {name: place for place, name in enumerate(names)}

    def rename(self, metadata: dict[str, Any]) -> dict[str, Any]:
        """The metadata of one document in the order of the columns, under the names that are shown."""
        last = len(self._place)
        names = sorted(metadata, key=lambda name: self._place.get(name, last))
        return {self.columns.get(name) or self._shown(name, metadata): metadata[name] for name in names}

    def _shown(self, name: str, own: Collection[str]) -> str:
        if name not in self._taken:
            return name
        shown = f"source_{name}"
        while shown in own or shown in self._taken:
            shown = f"source_{shown}"
        return shown
