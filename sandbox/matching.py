"""The keyword matcher: which of the given labels shares most words with a text. It reads, it does not understand."""

from __future__ import annotations

import re
import zlib
from collections import defaultdict
from collections.abc import Sequence

from sandbox.words import words

WORD = re.compile(r"[^\W_]+")
CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# "- label: description", "* label - description", "3. "label": description"
DESCRIPTION = re.compile(r"""^\s*(?:[-*•]|\d+[.)])?\s*["'`]?(.+?)["'`]?\s*(?::|\s[-–—])\s+(.+)$""")
ENDINGS = words("ations ation als al ments ment ings ing ied ies ers er ed es ly s e y")
STOP_WORDS = frozenset(
    words(
        "a an and are as at be but by can do does for from get has have how i if in into is it its me my no "
        "not of on or our so than that the their them then there they this to was we were what when where "
        "which who why will with you your about any all also been did had he her his just more most other out "
        "she some such up us"
    )
)
CATCH_ALL = frozenset(words("other others none misc miscellaneous unknown general unclear neither default"))
# Whole numbers, so that the order in which words are added cannot change a sum.
LABEL_POINTS = 3_000_000
DESCRIPTION_POINTS = 1_000_000
LENGTH_DISCOUNT = 0.05
READ_CHARACTERS = 6_000
MEMO_WORDS = 20_000


class Matcher:
    """Scores labels by the stems they share with a text; a stem counts less the more labels have it."""

    def __init__(self, labels: Sequence[str], instructions: str = "") -> None:
        self.labels = list(labels)
        descriptions = _descriptions(self.labels, instructions)
        self._points = _points(self.labels, descriptions)
        self._memo: dict[str, tuple[tuple[int, int], ...]] = {}
        self._catch_all = [
            index
            for index, label in enumerate(self.labels)
            if CATCH_ALL & {word.lower() for word in WORD.findall(label)}
        ]

    def best(self, text: str) -> str:
        """One label; without a single shared word a catch-all label, else one picked by the text's checksum."""
        scores = self._scores(text)
        if not scores:
            among = self._catch_all or range(len(self.labels))
            return self.labels[among[_checksum(text) % len(among)]]
        top = max(scores.values())
        leaders = sorted(index for index, score in scores.items() if score == top)
        return self.labels[leaders[_checksum(text) % len(leaders)]]

    def found(self, text: str) -> list[str]:
        """Every label that scores at least half as much as the best, best first; empty without a shared word."""
        scores = self._scores(text)
        least = max(scores.values(), default=0) / 2
        ranked = sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))
        return [self.labels[index] for index, score in ranked if score >= least]

    def _scores(self, text: str) -> dict[int, int]:
        """What each label that shares a word with the text has in points; a word counts once."""
        scores: dict[int, int] = {}
        memo = self._memo
        # split() and the memo of its raw pieces ("card," and all) are several times as fast as a pattern for words.
        for piece in set(text[:READ_CHARACTERS].lower().split()):
            hits = memo.get(piece)
            if hits is None:
                hits = self._look_up(piece)
            for index, points in hits:
                scores[index] = scores.get(index, 0) + points
        return scores

    def _look_up(self, piece: str) -> tuple[tuple[int, int], ...]:
        if len(self._memo) > MEMO_WORDS:
            self._memo.clear()
        found = [stem(word) for word in WORD.findall(piece) if word not in STOP_WORDS]
        hits = tuple(hit for word in found for hit in self._points.get(word, ()))
        self._memo[piece] = hits
        return hits


def stem(word: str) -> str:
    """`charged`, `charges` and `charging` become `charg`; at least three letters stay."""
    for ending in ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def stems(text: str) -> set[str]:
    found = WORD.findall(CAMEL.sub(" ", text).lower())
    return {stem(word) for word in found if word not in STOP_WORDS}


def _descriptions(labels: list[str], instructions: str) -> dict[str, str]:
    """The descriptions that the instructions give, by lower-case label."""
    known = {label.casefold() for label in labels}
    found: dict[str, str] = {}
    for line in instructions.splitlines():
        match = DESCRIPTION.match(line) if len(line) < 2000 else None
        if match and match[1].strip().casefold() in known:
            found.setdefault(match[1].strip().casefold(), match[2])
    return found


def _points(labels: list[str], descriptions: dict[str, str]) -> dict[str, tuple[tuple[int, int], ...]]:
    """By stem: which labels have it, worth how much; less where many labels share it or a label has many words."""
    by_stem: dict[str, dict[int, float]] = defaultdict(dict)
    for index, label in enumerate(labels):
        for found in stems(descriptions.get(label.casefold(), "")):
            by_stem[found][index] = DESCRIPTION_POINTS
        own = stems(label)
        for found in own:
            by_stem[found][index] = LABEL_POINTS * (1 - LENGTH_DISCOUNT * min(len(own), 8))
    return {
        found: tuple((index, int(points / len(owners))) for index, points in owners.items())
        for found, owners in by_stem.items()
    }


def _checksum(text: str) -> int:
    return zlib.crc32(text.encode("utf-8", "surrogatepass"))
