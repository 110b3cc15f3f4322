"""Uploads to export, and exports read back."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from django.utils import timezone
from openpyxl import load_workbook

from labeling import exports
from labeling.exports import Format
from labeling.models import LabelingTask, Upload
from tests.factories import make_batch, make_document, make_request, make_result, make_task, make_upload, make_version

NASTY = (
    "line\u2028separator and paragraph\u2029separator",
    "next\x85line, bell\x07, escape\x1b[31m, delete\x7f",
    'quotes " and "" and commas, semicolons; tabs\t',
    "line\nfeed, carriage\rreturn, both\r\n",
    "emoji 🧾👩‍👩‍👧 and a flag 🇩🇪",
    "right to left: \u202eשלום\u202c مرحبا",
    "  blanks around  ",
    "\ufeffbyte order mark, nonspace\u200b, \ufffe\uffff noncharacters",
    "back\\slash \\u0041 \\n",
    "_x0041_ looks like an escape of a spreadsheet",
    "#N/A",
    "e\u0301 is not \u00e9",
    "'already guarded",
)
FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx")


def at(hour: int) -> datetime:
    return datetime(2026, 3, 4, hour, tzinfo=UTC)


def rows(upload: Upload) -> list[dict[str, Any]]:
    return list(exports.rows(upload=upload))


def upload_of(texts: Any, metadata: dict[str, Any] | None = None) -> Upload:
    upload = make_upload()
    for text in texts:
        make_document(upload, text=text, metadata=metadata)
    return upload


def labeled_task(**columns: Any) -> LabelingTask:
    """Two documents, the first of them labeled red."""
    version = make_version(make_task(**columns))
    upload = make_upload(version)
    document, _ = make_document(upload), make_document(upload)
    make_result(make_request(document, batch=make_batch(version)), created_at=timezone.now() - timedelta(minutes=1))
    return version.task


def written(format: Format, upload: Upload) -> tuple[bytes, exports.Summary]:
    file = io.BytesIO()
    summary = exports.write(file, format, upload=upload)
    return file.getvalue(), summary


def read_csv(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


def read_rows(format: Format, content: bytes) -> list[dict[str, Any]]:
    if format is Format.JSONL:
        return [orjson.loads(line) for line in content.split(b"\n") if line]
    header, *lines = read_csv(content)
    return [dict(zip(header, line, strict=True)) for line in lines]


def sheets(content: bytes) -> list[list[list[Any]]]:
    workbook = load_workbook(io.BytesIO(content), read_only=True)
    return [[[cell.value for cell in row] for row in sheet.iter_rows()] for sheet in workbook.worksheets]
