"""Columns of a file's own, beside those of the export."""

import json

import pytest

from labeling.exports import COLUMNS, Format, reading
from tests.exports.samples import read_csv, read_rows, written
from tests.factories import make_document, make_upload

pytestmark = pytest.mark.django_db


def test_metadata_columns_are_those_of_all_documents_in_the_order_of_the_file():
    upload = make_upload(inspection={"columns": ["zone", "text", "channel", "absent"]})
    make_document(upload, metadata={"zone": "north", "channel": "mail"})
    make_document(upload, metadata={"late": {"a": "ü"}, "flag": False})

    header, first, second = read_csv(written(Format.CSV, upload)[0])

    assert header[len(COLUMNS) :] == ["zone", "channel", "flag", "late"]
    assert first[len(COLUMNS) :] == ["north", "mail", "", ""]
    assert second[len(COLUMNS) :] == ["", "", "false", '{"a": "ü"}']


@pytest.mark.parametrize("format", [Format.CSV, Format.JSONL])
def test_metadata_whose_name_is_taken_stands_beside_it_under_another_name(format: Format):
    upload = make_upload()
    make_document(upload, metadata={"label": "theirs", "source_label": "own", "state": "TX"})

    [row] = read_rows(format, written(format, upload)[0])

    assert (row["label"], row["state"]) == ("", "queued")
    assert row["source_label"] == "own"
    assert row["source_source_label"] == "theirs"
    assert row["source_state"] == "TX"


def test_metadata_beyond_the_most_columns_stands_together_in_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reading, "MOST_NAMES", 2)
    upload = make_upload(inspection={"columns": ["a", "b", "c", "d"]})
    make_document(upload, metadata={"a": 1, "b": 2, "c": 3, "state": "TX"})
    make_document(upload, metadata={"a": 4})

    first, second = read_rows(Format.CSV, written(Format.CSV, upload)[0])
    [line, _] = read_rows(Format.JSONL, written(Format.JSONL, upload)[0])

    assert len(first) == len(COLUMNS) + 3
    assert with_more(first) == {"a": "1", "b": "2", "c": "3", "state": "TX"}
    assert with_more(second) == {"a": "4"}
    assert (line["a"], line["b"], line["c"], line["source_state"]) == (1, 2, 3, "TX")


def with_more(row: dict[str, str]) -> dict[str, str]:
    """The metadata of a row of CSV under its own names, from its columns and from the one for more."""
    columns = {name.removeprefix("source_"): cell for name, cell in list(row.items())[len(COLUMNS) : -1] if cell}
    return columns | {name: str(value) for name, value in json.loads(row["more_metadata"] or "{}").items()}
