"""Your file with labels."""

import csv
import io
from typing import Any

import pytest

from labeling import exports
from labeling.exports import Format
from labeling.states import DocumentState, FailureReason
from tests.exports.samples import read_csv, read_rows
from tests.factories import make_document, make_request, make_result, make_upload

pytestmark = pytest.mark.django_db


def test_your_file_with_labels_has_its_own_columns_in_their_order():
    upload = make_upload(
        file_name="questions.csv", inspection=inspection(["zone", "question", "nr", "category"], delimiter=";")
    )
    document = make_document(upload, text="=a;b", external_id="7", gold_label="blue", metadata={"zone": "north"})
    make_document(upload, text="second", metadata={"zone": "south"})
    make_result(make_request(document), answer="blue")

    lines = list(csv.reader(io.StringIO(b"".join(exports.original(upload)).decode(), newline=""), delimiter=";"))

    assert lines == [
        ["zone", "question", "nr", "category", "label", "state", "reason"],
        ["north", "'=a;b", "7", "blue", "blue", "labeled", ""],
        ["south", "second", "", "", "", "queued", ""],
    ]
    assert exports.original_name(upload) == "questions-labeled.csv"


def test_your_json_lines_with_labels_stay_json_lines_and_keep_their_own_label():
    upload = make_upload(
        file_name="a.b.jsonl", inspection=inspection(["state", "question", "nr", "category"], format="jsonl")
    )
    make_document(upload, text="one\u2028two", external_id="7", metadata={"state": "TX", "extra": [1]})
    make_document(upload, text="failed", state=DocumentState.FAILED, failure_reason=FailureReason.REFUSED)

    first, second = read_rows(Format.JSONL, b"".join(exports.original(upload)))

    assert list(first) == ["state", "question", "nr", "category", "extra", "label", "nightshift_state", "reason"]
    assert (first["state"], first["question"], first["extra"], first["nr"]) == ("TX", "one\u2028two", [1], "7")
    assert (first["nightshift_state"], second["nightshift_state"], second["reason"]) == ("queued", "failed", "refused")
    assert exports.original_name(upload) == "a.b-labeled.jsonl"


def test_lines_of_text_come_back_as_a_table():
    upload = make_upload(
        file_name="texts.txt", inspection={"columns": ["text"], "text_column": "text", "format": "txt"}
    )
    make_document(upload, text="one, two")

    assert read_csv(b"".join(exports.original(upload))) == [
        ["text", "label", "state", "reason"],
        ["one, two", "", "queued", ""],
    ]
    assert exports.original_name(upload) == "texts-labeled.csv"


def inspection(columns: list[str], *, format: str = "csv", delimiter: str = "") -> dict[str, Any]:
    return {
        "columns": columns,
        "text_column": "question",
        "id_column": "nr",
        "gold_column": "category",
        "format": format,
        "delimiter": delimiter,
    }
