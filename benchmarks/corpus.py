"""Documents to measure with: words of our own, the same for the same seed."""

import csv
import random
from pathlib import Path

_SYLLABLES = [consonant + vowel for consonant in "bdklmnrst" for vowel in "aeiou"]


def write(path: Path, documents: int, text_bytes: int, seed: int = 1) -> None:
    """A CSV with the columns id and text; every text is different and has about `text_bytes` bytes."""
    source = random.Random(seed)
    words = ["".join(source.choices(_SYLLABLES, k=source.randint(1, 4))) for _ in range(3000)]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "text"))
        for number in range(documents):
            text = f"{number} "
            while len(text) < text_bytes:
                text += source.choice(words) + " "
            writer.writerow((f"doc-{number}", text[:text_bytes].strip()))
