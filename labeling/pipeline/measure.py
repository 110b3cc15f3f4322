"""A file that was checked -> how many rows and bytes it holds, and what the API counts of a sample.

Nothing here is paid for or refused: where the API does not count, the length of the texts must do.
"""

import logging
import time
from pathlib import Path
from random import Random
from typing import Any

import orjson
from django.utils import timezone

from labeling import batch_api, store
from labeling.batch_api import ApiError
from labeling.files import Inspection, RefusedRow, Row, read_rows
from labeling.messages import prompts
from labeling.models import Upload, UploadEstimate

log = logging.getLogger(__name__)

SAMPLE = 20
LONGEST_SAMPLED = 500_000
"""Characters; longer texts are not sent to be counted, their tokens follow their bytes like those of others."""

MOST_SECONDS = 60.0
LINES_NAMED = 4
"""So many lines are named of each kind of problem."""


def measure(upload: Upload, inspection: Inspection) -> None:
    """Count the rows within a minute and a sample of them by tokens; remembered with the upload."""
    found = _read(store.upload_path(upload.sha256), inspection, Random(upload.pk))
    tokens, trouble = _count(upload, found.sample)
    UploadEstimate.objects.update_or_create(
        upload=upload,
        defaults={
            "counted_at": timezone.now(),
            "rows": found.rows,
            "is_whole": found.is_whole,
            "documents": found.documents,
            "problems": found.problems,
            "text_bytes": found.text_bytes,
            "sampled": len(found.sample) if tokens else 0,
            "sample_bytes": sum(map(_encoded, found.sample)) if tokens else 0,
            "sample_tokens": tokens,
            "trouble": trouble,
            "estimated_at": None,
        },
    )


class _Found:
    """Sums over the rows, what is wrong with some, and a sample in which each row has the same chance."""

    def __init__(self, chance: Random) -> None:
        self.rows = self.documents = self.text_bytes = self._candidates = 0
        self.is_whole = True
        self.sample: list[str] = []
        self.problems: dict[str, dict[str, Any]] = {}
        self._chance = chance

    def add(self, text: str) -> None:
        self.documents += 1
        self.text_bytes += _encoded(text)
        if len(text) > LONGEST_SAMPLED:
            return
        self._candidates += 1
        if len(self.sample) < SAMPLE:
            self.sample.append(text)
        elif (place := self._chance.randrange(self._candidates)) < SAMPLE:
            self.sample[place] = text

    def refuse(self, row: RefusedRow) -> None:
        problem = self.problems.setdefault(row.reason.value, {"rows": 0, "lines": []})
        problem["rows"] += 1
        if len(problem["lines"]) < LINES_NAMED:
            problem["lines"].append(row.line_number)


def _read(path: Path, inspection: Inspection, chance: Random) -> _Found:
    found, until = _Found(chance), time.monotonic() + MOST_SECONDS
    for row in read_rows(path, inspection):
        found.rows += 1
        if isinstance(row, Row):
            found.add(row.text)
        else:
            found.refuse(row)
        if not found.rows % 1000 and time.monotonic() > until:
            found.is_whole = False
            break
    return found


def _count(upload: Upload, sample: list[str]) -> tuple[int, str]:
    """Tokens of the whole requests of the sample; 0 and a sentence where the API does not count."""
    before, after = prompts.frame(upload.version.spec)
    try:
        return sum(batch_api.count_tokens(before + orjson.dumps(text) + after) for text in sample), ""
    except ApiError as error:
        log.warning("no tokens counted for U-%s: %s", upload.pk, error.message)
        return 0, error.message


def _encoded(text: str) -> int:
    return len(orjson.dumps(text))
