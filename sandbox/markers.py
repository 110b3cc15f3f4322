"""Markers: `[[refuse]]` and the like in a document's text, by which a tester asks for an unusual answer.

Without a marker every valid request gets a usable answer. The same words are the keys of the behavior setting `rates`,
which gives an outcome to a share of all documents instead. `sandbox/README.md` explains each.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sandbox.errors import STATUS_OF_TYPE

MARKER = re.compile(r"\[\[([^\[\]\n]{1,60})\]\]")
PLAIN = frozenset(
    (
        "refuse",
        "refuse late",
        "cut off",
        "context exceeded",
        "off list",
        "off schema",
        "not json",
        "empty",
        "wrong case",
        "thinking",
        "two blocks",
        "extra keys",
        "bare usage",
        "u2028",
        "nul",
        "lone surrogate",
    )
)
WITH_NUMBER = frozenset(("slow", "long"))
# A word that the documentation does not know: `[[stop reason paused]]`.
WITH_WORD = ("stop reason", "result type")
WORD = re.compile(r"[a-z][a-z0-9_]*")
MAX_NUMBER = 20_000_000.0


@dataclass(frozen=True)
class Marker:
    """`number` is the attempts (expire, error), the seconds (slow) or the characters (long); None where not given.
    `argument` is the error type, the stop reason or the result type."""

    name: str
    argument: str = ""
    number: float | None = None


def read_markers(text: str) -> tuple[Marker, ...]:
    if "[[" not in text:
        return ()
    found = (parse_marker(match[1]) for match in MARKER.finditer(text))
    return tuple(marker for marker in found if marker is not None)


def parse_marker(words: str) -> Marker | None:
    """None if these words (what stands between the brackets) are not a marker."""
    words = " ".join(words.lower().split())
    if words in PLAIN:
        return Marker(words)
    for name in WITH_WORD:
        if words.startswith(f"{name} ") and WORD.fullmatch(words, len(name) + 1):
            return Marker(name, words[len(name) + 1 :])
    name, *arguments = words.split(" ")
    if name == "error" and 1 <= len(arguments) <= 2 and arguments[0] in STATUS_OF_TYPE:
        return _numbered(name, arguments[0], arguments[1:])
    if name == "expire" and len(arguments) <= 1:
        return _numbered(name, "", arguments)
    if name in WITH_NUMBER and len(arguments) == 1:
        return _numbered(name, "", arguments)
    return None


def without_markers(text: str) -> str:
    if "[[" not in text:
        return text
    return MARKER.sub(lambda match: "" if parse_marker(match[1]) else match[0], text).strip()


def _numbered(name: str, argument: str, numbers: list[str]) -> Marker | None:
    if not numbers:
        return Marker(name, argument)
    try:
        number = float(numbers[0])
    except ValueError:
        return None
    return Marker(name, argument, number) if 0 <= number <= MAX_NUMBER else None
