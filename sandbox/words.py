"""Long lists of words, written as one text: they read better that way."""

from __future__ import annotations


def words(text: str) -> tuple[str, ...]:
    return tuple(text.split())
