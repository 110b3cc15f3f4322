"""One stage of Nightshift in a process of its own: prints its seconds and its peak memory as JSON."""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "batchsite.settings")
django.setup()

from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from batchsite.sandbox import ensure_sandbox  # noqa: E402
from labeling import configuration  # noqa: E402
from labeling.models import Batch, LabelingTask, Upload  # noqa: E402
from labeling.states import BatchState, Way  # noqa: E402


def main(stage: str, source: str) -> dict[str, Any]:
    connection.ensure_connection()
    with ensure_sandbox():
        began = time.perf_counter()
        STAGES[stage](Path(source))
        seconds = time.perf_counter() - began
    return {"seconds": seconds, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def import_file(source: Path) -> None:
    from labeling.files import ReadOptions
    from labeling.pipeline import intake

    settings = configuration.load()
    version = LabelingTask.objects.get().version_in_use
    assert version
    with source.open("rb") as stream:
        upload = intake.receive(
            iter(lambda: stream.read(1 << 20), b""),
            file_name=source.name,
            version=version,
            way=Way.NOW,
            options=ReadOptions(),
            settings=settings,
        )
    intake.check(upload, settings)
    intake.confirm(upload, Way.NOW)
    intake.import_rows(upload, settings)
    assert Upload.objects.get(pk=upload.pk).accepted


def submit_all(source: Path) -> None:
    from labeling.pipeline import build, submit

    settings = configuration.load()
    for batch in build.build_due(settings, timezone.now()):
        submit.submit(batch, settings)
        assert Batch.objects.get(pk=batch.pk).state == BatchState.IN_PROGRESS


def ingest_all(source: Path) -> None:
    from labeling.pipeline import ingest

    settings = configuration.load()
    for batch in Batch.objects.filter(state=BatchState.ENDED):
        ingest.ingest(batch, settings)
        assert Batch.objects.get(pk=batch.pk).state == BatchState.INGESTED


def wait_until_ended(source: Path) -> None:
    """Not measured: the provider's own time."""
    from labeling.pipeline import poll

    settings = configuration.load()
    deadline = time.monotonic() + 300
    while Batch.objects.exclude(state=BatchState.ENDED).exists() and time.monotonic() < deadline:
        poll.poll_due(settings, timezone.now())
        time.sleep(0.1)


def raw_copy(source: Path) -> None:
    """The floor of an import: the file's own rows into a table without index, by PostgreSQL alone."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_raw")
        cursor.execute("CREATE TABLE bench_raw (id text, text text)")
        with cursor.copy("COPY bench_raw FROM STDIN WITH (FORMAT csv, HEADER)") as copy, source.open("rb") as file:
            while piece := file.read(1 << 16):
                copy.write(piece)
        cursor.execute("DROP TABLE bench_raw")


def export_file(source: Path) -> None:
    from django.core.management import call_command

    task = LabelingTask.objects.get().slug
    call_command("export_labels", task=task, format="jsonl", output=str(source.with_suffix(".out.jsonl")))


STAGES: dict[str, Callable[[Path], None]] = {
    "raw_copy": raw_copy,
    "import": import_file,
    "submit": submit_all,
    "wait": wait_until_ended,
    "ingest": ingest_all,
    "export": export_file,
}

if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2])))
