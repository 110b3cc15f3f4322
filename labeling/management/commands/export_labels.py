"""Write what is known about every document of a task to a file."""

import os
import secrets
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from django.core.management.base import CommandError

from labeling import configuration
from labeling.exports import Format, Summary, write
from labeling.management.base import BadInput, Door
from labeling.models import LabelingTask, Upload


class Command(Door):
    help = (
        "Write every accepted document of a task that is not withdrawn to a file, in the order of import. "
        "CSV is UTF-8 without a byte order mark. An existing file is replaced when the new one is complete."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--task", required=True, metavar="SLUG")
        parser.add_argument("--upload", metavar="ID", help="only the documents of this upload of the task")
        parser.add_argument(
            "--since",
            metavar="TIME",
            help="only documents labeled at or after this ISO 8601 time; without an offset it is in the site's zone",
        )
        parser.add_argument("--format", required=True, choices=[format.value for format in Format])
        parser.add_argument("--output", required=True, metavar="FILE")

    def run(self, **options: Any) -> dict[str, Any]:
        task = _task(options["task"])
        upload = _upload(options["upload"], task) if options["upload"] is not None else None
        since = _time(options["since"]) if options["since"] is not None else None
        output = _output(options["output"])
        with _replacing(output) as file:
            summary = write(
                file, Format(options["format"]), task=task, upload=upload, since=since, progress=self._progress
            )
        self._report(summary, output)
        return {
            "task": task.slug,
            "documents": summary.documents,
            "labeled": summary.labeled,
            "format": options["format"],
            "file": str(output),
            "cells_cut": summary.cells_cut,
        }

    def _progress(self, summary: Summary) -> None:
        if sys.stderr.isatty():
            self.say(f"{summary.documents:,} documents …")

    def _report(self, summary: Summary, output: Path) -> None:
        self.say(f"{summary.documents:,} documents, {summary.labeled:,} of them with a label, are in {output}.")
        if summary.cells_cut:
            self.say(
                f"{summary.cells_cut:,} cells were too long for a spreadsheet and were cut; CSV and JSONL hold all."
            )


def _task(slug: str) -> LabelingTask:
    task = LabelingTask.objects.filter(slug=slug).first()
    if task is None:
        raise BadInput(f"There is no labeling task “{slug}”. {_there_are()}")
    return task


def _there_are() -> str:
    slugs = list(LabelingTask.objects.order_by("slug").values_list("slug", flat=True)[:20])
    return f"There are: {', '.join(slugs)}." if slugs else "There is none yet; load_tasks makes them."


def _upload(written: str, task: LabelingTask) -> Upload:
    """The upload of that id, as 12 or U-12."""
    digits = written.strip().upper().removeprefix("U-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
        raise BadInput(f"“{written}” is not the id of an upload; it is a number like 12.")
    upload = Upload.objects.filter(pk=int(digits)).select_related("version__task").first()
    if upload is None:
        raise BadInput(f"There is no upload {digits}.")
    if upload.version.task_id != task.pk:
        raise BadInput(f"Upload {digits} belongs to the task “{upload.version.task.slug}”, not to “{task.slug}”.")
    return upload


def _time(written: str) -> datetime:
    try:
        time = datetime.fromisoformat(written.strip())
    except ValueError:
        raise BadInput(f"“{written}” is not a time; write it like 2026-11-02T06:00:00Z or 2026-11-02.") from None
    return time if time.tzinfo else time.replace(tzinfo=configuration.load().zone)


def _output(written: str) -> Path:
    """Where the file goes: a link is followed, and only what is a plain file is replaced."""
    path = Path(written).expanduser().resolve()
    if path.exists() and not path.is_file():
        raise BadInput(f"“{written}” is {'a folder' if path.is_dir() else 'not a plain file'}; name a file.")
    if not path.parent.is_dir():
        raise BadInput(f"There is no folder “{path.parent}”.")
    return path


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes the place of `path` when it is complete; otherwise nothing is left behind."""
    beside = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        file = beside.open("xb")
    except OSError as error:
        raise BadInput(f"Nothing can be written to “{path.parent}”: {error.strerror}.") from error
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise CommandError(f"The file could not be written: {error.strerror}.") from error
    finally:
        beside.unlink(missing_ok=True)
