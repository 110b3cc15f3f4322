"""JSON Lines give every text exactly as it came in."""

import json

import orjson
import pytest

from labeling.exports import COLUMNS, Format
from tests.exports.samples import FORMULAS, NASTY, upload_of, written
from tests.factories import make_document, make_upload

pytestmark = pytest.mark.django_db


def test_json_lines_give_every_text_exactly_as_it_came_in():
    content, summary = written(Format.JSONL, upload_of((*NASTY, *FORMULAS)))

    lines = content.split(b"\n")
    assert lines.pop() == b""
    assert [orjson.loads(line)["text"] for line in lines] == [*NASTY, *FORMULAS]
    assert "emoji 🧾".encode() in content
    assert summary.documents == len(lines) == len(NASTY) + len(FORMULAS)


def test_json_lines_keep_the_order_of_the_columns_and_the_types_of_values():
    upload = make_upload(inspection={"columns": ["b", "text", "a", "big", "list", "none", "yes"]})
    values = {"a": 1.5, "b": -3, "big": 2**70 + 1, "list": [1, {"x": "ü"}], "none": None, "yes": True}
    make_document(upload, metadata=values)

    line = written(Format.JSONL, upload)[0]

    row = json.loads(line)
    assert list(row) == [*COLUMNS, "b", "a", "big", "list", "none", "yes"]
    assert {name: row[name] for name in values} == values
    assert (row["attempts"], row["input_tokens"], row["task_version"]) == (0, 0, 1)
    assert isinstance(row["list_cost_usd"], str)
