"""A file -> Upload (received, checked, importing, ready), Documents (queued), refused rows with reasons.

The same file with the same options gives the same sequence of rows, so an import that died goes on
after the last row that was stored.
"""

import hashlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from labeling import nights, store
from labeling.ahead import read_ahead
from labeling.configuration import Configuration
from labeling.files import FileRefused, Inspection, ReadOptions, RefusedRow, Row, inspect, read_rows
from labeling.locks import only_one
from labeling.models import LabelingTaskVersion, Upload
from labeling.states import UploadState, Way
from labeling.transitions import trials, uploads
from labeling.transitions.imports import ImportTaken, Incoming, incoming, store_rows

log = logging.getLogger(__name__)

CHUNK_ROWS = 5_000
CHUNK_BYTES = 16_000_000
MOST_TRIES = 5
"""An import that ends its worker this often stands still until a person looks."""

LEASE = timedelta(minutes=2)


def receive(
    chunks: Iterable[bytes],
    *,
    file_name: str,
    version: LabelingTaskVersion,
    way: Way,
    options: ReadOptions,
    settings: Configuration,
    user: Any = None,
) -> Upload:
    """Store the file under its hash while it comes in; nothing is read yet.

    Raises FileRefused for a file over the limit and DiskLow when it could not be kept safely.
    """
    store.require_free(settings.min_free_bytes)
    digest, size = hashlib.sha256(), 0
    with store.temporary_file("uploads") as file:
        for chunk in chunks:
            size += len(chunk)
            if size > settings.upload_bytes:
                raise FileRefused(f"The file is larger than {settings.upload_bytes:,} bytes.")
            digest.update(chunk)
            file.write(chunk)
        sha256 = digest.hexdigest()
        store.keep(file, store.upload_path(sha256))
    return Upload.objects.create(
        version=version,
        way=way,
        file_name=_safe_name(file_name),
        sha256=sha256,
        size_bytes=size,
        options=_as_json(options),
        created_by=user,
    )


def again(upload: Upload, version: LabelingTaskVersion, *, user: Any = None) -> Upload | None:
    """The same stored file as an upload of its own, read with the same choices; None if it is not kept any more."""
    if not _path(upload).is_file():
        return None
    return Upload.objects.create(
        version=version,
        way=upload.way,
        file_name=upload.file_name,
        sha256=upload.sha256,
        size_bytes=upload.size_bytes,
        options=upload.options,
        created_by=user,
    )


def earlier(upload: Upload) -> Upload | None:
    """The first upload of the very same file, if this is not the first."""
    return (
        Upload.objects.filter(sha256=upload.sha256, pk__lt=upload.pk)
        .select_related("created_by")
        .order_by("pk")
        .first()
    )


def check(
    upload: Upload, settings: Configuration, *, look: Callable[[Upload, Inspection], None] | None = None
) -> Inspection:
    """received to checked: what the file is, its columns, a preview, warnings; `look` measures it before it moves.

    Raises FileRefused with a sentence, which the upload keeps, when it cannot be imported like this.
    """
    if not _may_try(upload):
        raise FileRefused(f"Reading the file was interrupted {MOST_TRIES} times; it was set aside.")
    try:
        inspection = inspect(_path(upload), upload.file_name, read_options(upload, settings))
    except FileRefused as refusal:
        found = getattr(refusal, "inspection", None)
        Upload.objects.filter(pk=upload.pk).update(
            error=str(refusal), inspection=_inspection_as_json(found) if found else {}, import_tries=0
        )
        raise
    if look:
        look(upload, inspection)
    found = _inspection_as_json(inspection)
    uploads.move(upload, UploadState.RECEIVED, UploadState.CHECKED, error="", inspection=found, import_tries=0)
    return inspection


def rows_to_refuse(upload: Upload, settings: Configuration) -> Iterator[RefusedRow]:
    """What an import of a checked file would refuse; the file is read while the rows are taken."""
    inspection = inspect(_path(upload), upload.file_name, read_options(upload, settings))
    yield from (row for row in read_rows(_path(upload), inspection) if isinstance(row, RefusedRow))


def choose_again(upload: Upload, options: ReadOptions) -> bool:
    """checked back to received with other options; False if it was imported or discarded meanwhile.

    Read in another way it may not end its worker, so it has its tries back.
    """
    Upload.objects.filter(pk=upload.pk, state=UploadState.CHECKED).update(state=UploadState.RECEIVED)
    waits = Upload.objects.filter(pk=upload.pk, state=UploadState.RECEIVED)
    return bool(waits.update(options=_as_json(options), error="", import_tries=0))


def confirm(upload: Upload, way: Way, *, imports_itself: bool = False, try_first: int = 0, by: str = "") -> bool:
    """checked to importing: a person, or a command, said so; False if somebody was first.

    Whoever imports it in this process holds it against the ticks, which would give it to a worker. With
    `try_first` so many of its documents go in real time, and the others are held until a person decides.
    """
    now = timezone.now()
    lease_until = now + LEASE if imports_itself else None
    with transaction.atomic():
        confirmed = uploads.move(
            upload, UploadState.CHECKED, UploadState.IMPORTING, way=way, confirmed_at=now, lease_until=lease_until
        )
        if confirmed and try_first:
            trials.begin(upload, try_first, by=by, now=now)
    return confirmed


def discard(upload: Upload) -> bool:
    """A person decided against a file that was not imported."""
    return any(
        uploads.move(upload, source, UploadState.DISCARDED) for source in (UploadState.CHECKED, UploadState.RECEIVED)
    )


def import_rows(upload: Upload, settings: Configuration) -> bool:
    """importing to ready, chunk by chunk from where it stands; True if this call finished it."""
    with only_one(f"import {upload.pk}") as held:
        upload.refresh_from_db()
        if not held or upload.state != UploadState.IMPORTING or not _may_try(upload):
            return False
        try:
            store.require_free(settings.min_free_bytes)
            _import_the_rest(upload, settings)
        except (FileRefused, store.DiskLow, OSError) as fault:
            sentence = fault.strerror or str(fault) if isinstance(fault, OSError) else str(fault)
            # A fault with a sentence did not end its worker, so it does not count as a try.
            Upload.objects.filter(pk=upload.pk).update(error=sentence, import_tries=upload.import_tries)
            log.warning("import of %s stands still: %s", upload, sentence)
            return False
        except ImportTaken:
            return False
        return _make_ready(upload, settings)


def read_options(upload: Upload, settings: Configuration) -> ReadOptions:
    return ReadOptions(
        **{**upload.options, "document_bytes": settings.document_bytes, "upload_bytes": settings.upload_bytes}
    )


def _may_try(upload: Upload) -> bool:
    """Counted before the work: an import that ends its worker again and again is set aside."""
    if upload.import_tries >= MOST_TRIES:
        Upload.objects.filter(pk=upload.pk).update(
            error=f"The import was interrupted {MOST_TRIES} times and was set aside."
        )
        return False
    Upload.objects.filter(pk=upload.pk).update(import_tries=upload.import_tries + 1, lease_until=timezone.now() + LEASE)
    return True


def _import_the_rest(upload: Upload, settings: Configuration) -> None:
    path = _path(upload)
    inspection = inspect(path, upload.file_name, read_options(upload, settings))
    rest = islice(read_rows(path, inspection), upload.rows, None)
    with closing(read_ahead(_chunks(rest))) as chunks:
        for rows, refused in chunks:
            store_rows(upload, rows, refused)


def _chunks(items: Iterator[Row | RefusedRow]) -> Iterator[tuple[list[Incoming], list[RefusedRow]]]:
    """Chunks bounded by rows and by characters, so that neither many nor huge rows fill the memory.

    Touches no row of the database, because it runs beside the thread that stores.
    """
    rows: list[Incoming] = []
    refused: list[RefusedRow] = []
    size = 0
    for item in items:
        if isinstance(item, Row):
            rows.append(incoming(item))
            size += len(item.text)
        else:
            refused.append(item)
            size += len(item.raw)
        if len(rows) + len(refused) >= CHUNK_ROWS or size >= CHUNK_BYTES:
            yield rows, refused
            rows, refused, size = [], [], 0
    if rows or refused:
        yield rows, refused


def _make_ready(upload: Upload, settings: Configuration) -> bool:
    with transaction.atomic():
        now = timezone.now()
        counts_from = _counts_from(upload.confirmed_at or now, now, settings)
        trials.choose(upload, now)
        return uploads.move(
            upload,
            UploadState.IMPORTING,
            UploadState.READY,
            ready_at=now,
            counts_from=counts_from,
            lease_until=None,
            error="",
        )


def _counts_from(confirmed_at: datetime, ready_at: datetime, settings: Configuration) -> datetime:
    """An upload goes whole: with the night that came while it was importing, if it is ready soon enough."""
    _, due = nights.latest_due(ready_at, settings.night, settings.zone)
    is_late = confirmed_at <= due < ready_at
    in_time = ready_at <= due + timedelta(minutes=settings.late_upload_minutes)
    return confirmed_at if is_late and in_time else ready_at


def _path(upload: Upload) -> Path:
    return store.upload_path(upload.sha256)


def _safe_name(file_name: str) -> str:
    """The last part of the name, without control characters, at most 255 characters."""
    name = "".join(c for c in os.path.basename(file_name.replace("\\", "/")) if c.isprintable())
    return name[-255:] or "unnamed"


def _as_json(options: ReadOptions) -> dict[str, Any]:
    return {
        "format": options.format.value if options.format else None,
        "encoding": options.encoding,
        "delimiter": options.delimiter,
        "text_column": options.text_column,
        "id_column": options.id_column,
        "gold_column": options.gold_column,
        "has_header": options.has_header,
        "sheet": options.sheet,
    }


def _inspection_as_json(inspection: Inspection) -> dict[str, Any]:
    return {
        "format": inspection.format.value,
        "encoding": inspection.encoding,
        "delimiter": inspection.delimiter,
        "columns": list(inspection.columns),
        "header_line": inspection.header_line,
        "header_text": inspection.header_text,
        "text_column": inspection.text_column,
        "id_column": inspection.id_column,
        "gold_column": inspection.gold_column,
        "preview": [list(row) for row in inspection.preview],
        "warnings": list(inspection.warnings),
        "sheet": inspection.sheet,
        "sheets": list(inspection.sheets),
    }
