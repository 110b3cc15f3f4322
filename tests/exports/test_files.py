"""The formats as files: a stream is the same as a file, and nothing is an empty file."""

import pytest

from labeling import exports
from labeling.exports import COLUMNS, Format
from tests.exports.samples import NASTY, read_csv, sheets, upload_of, written
from tests.factories import make_upload

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("format", [Format.CSV, Format.JSONL])
def test_a_stream_and_a_file_are_the_same(format: Format):
    upload = upload_of(NASTY)

    assert b"".join(exports.stream(format, upload=upload)) == written(format, upload)[0]


def test_an_export_of_nothing_is_a_header_or_an_empty_file():
    upload = make_upload()

    assert read_csv(written(Format.CSV, upload)[0]) == [list(COLUMNS)]
    assert written(Format.JSONL, upload) == (b"", exports.Summary())
    assert sheets(written(Format.XLSX, upload)[0]) == [[list(COLUMNS)]]
