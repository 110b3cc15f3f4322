from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from labeling import activity, configuration, store
from labeling.configuration import Configuration
from labeling.files import FileRefused, ReadOptions
from labeling.management.base import BadInput, Door
from labeling.models import LabelingTask, LabelingTaskVersion, Upload
from labeling.pipeline import intake
from labeling.states import UploadState, Way

PIECE = 1 << 20


class Command(Door):
    help = "Import the documents of a file (CSV, TSV, JSONL, TXT) and queue them at once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--task", required=True, help="slug of the labeling task")
        parser.add_argument("--text-column")
        parser.add_argument("--id-column")
        parser.add_argument("--gold-column")
        parser.add_argument("--sheet", help="of a workbook; else the first that has rows")
        parser.add_argument("--no-header", action="store_true", help="columns are column_1, column_2, ...")
        parser.add_argument("--lane", choices=("batch", "urgent"), default="batch")
        parser.add_argument("--leave", choices=("tonight", "now"), default="tonight")

    def run(self, *, file: Path, task: str, **options: Any) -> dict[str, Any]:
        settings = configuration.load()
        version = _version_in_use(task)
        way = Way.URGENT if options["lane"] == "urgent" else Way(options["leave"])
        upload = self._receive(file, version, way, options, settings)
        self._check(upload, settings)
        intake.confirm(upload, way, imports_itself=True)
        intake.import_rows(upload, settings)
        upload.refresh_from_db()
        if upload.state == UploadState.IMPORTING:
            self.say(f"The import stands still after {upload.rows:,} rows: {upload.error}")
            self.exit_code = 1
        activity.record(
            "import_documents", f"{upload.accepted:,} documents imported from {upload.file_name}", f"U-{upload.pk}"
        )
        return {
            "upload": upload.pk,
            "rows": upload.rows,
            "accepted": upload.accepted,
            "rejected": upload.refused,
            "duplicates": upload.copies,
        }

    def _receive(
        self, file: Path, version: LabelingTaskVersion, way: Way, options: dict[str, Any], settings: Configuration
    ) -> Upload:
        read = ReadOptions(
            text_column=options["text_column"],
            id_column=options["id_column"],
            gold_column=options["gold_column"],
            has_header=not options["no_header"],
            sheet=options["sheet"],
        )
        try:
            return intake.receive(
                _chunks(file), file_name=file.name, version=version, way=way, options=read, settings=settings
            )
        except FileRefused as refusal:
            raise BadInput(f"{file}: {refusal}") from refusal
        except store.DiskLow as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"The file could not be stored: {error.strerror}.") from error

    def _check(self, upload: Upload, settings: Configuration) -> None:
        try:
            inspection = intake.check(upload, settings)
        except FileRefused as refusal:
            intake.discard(upload)
            raise BadInput(f"{upload.file_name}: {refusal}") from refusal
        for warning in inspection.warnings:
            self.say(warning)
        if before := intake.earlier(upload):
            self.say(f"The same file came in before, as U-{before.pk} on {before.created_at:%Y-%m-%d %H:%M} UTC.")


def _version_in_use(slug: str) -> LabelingTaskVersion:
    task = LabelingTask.objects.select_related("version_in_use").filter(slug=slug).first()
    if task is None or task.version_in_use is None:
        known = ", ".join(LabelingTask.objects.values_list("slug", flat=True)[:20]) or "none yet"
        raise BadInput(f"There is no labeling task {slug!r}. Known tasks: {known}.")
    return task.version_in_use


def _chunks(file: Path) -> Iterator[bytes]:
    """Raises BadInput for a file that cannot be read; what goes wrong outside is not the file's fault."""
    try:
        with file.open("rb") as stream:
            while piece := stream.read(PIECE):
                yield piece
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}.") from error
