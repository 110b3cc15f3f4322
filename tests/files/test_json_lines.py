"""JSONL: one object per line."""

import json

import pytest

from labeling.files import RefusedRow, Row
from tests.files.helpers import Folder


def test_every_key_has_its_place(folder: Folder) -> None:
    line = '{"text":"a\\nb \\u00fc","key":"k1","gold":"g","page":3,"tags":["x",null],"deep":{"y":1.5}}\n'
    [row] = folder.read(line, "a.jsonl", id_column="key", gold_column="gold")
    assert row == Row(1, 1, "a\nb ü", "k1", "g", {"page": 3, "tags": ["x", None], "deep": {"y": 1.5}})


def test_columns_are_the_keys_of_all_rows_together(folder: Folder) -> None:
    content = '{"a":1}\n' + '{"a":2,"text":"x"}\n' * 3 + '{"b":3}\n'
    inspection = folder.inspect(content, "a.jsonl")
    assert inspection.columns == ("a", "text", "b")
    assert inspection.text_column == "text"
    assert inspection.preview[:2] == (("1", "", ""), ("2", "x", ""))


def test_a_missing_key_is_told_before_any_row_is_read(folder: Folder) -> None:
    assert "The columns are: a, b." in folder.sentence('{"a":"x"}\n{"b":"y"}\n', "a.jsonl")
    assert "no column “c”" in folder.sentence('{"a":"x"}\n{"b":"y"}\n', "a.jsonl", text_column="c")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{}", "not_text"),
        ('{"text":null}', "not_text"),
        ('{"text":5}', "not_text"),
        ('{"text":1.5}', "not_text"),
        ('{"text":true}', "not_text"),
        ('{"text":["a"]}', "not_text"),
        ('{"text":{"a":1}}', "not_text"),
        ('{"text":""}', "blank_text"),
        ('{"text":" \\n\\u2003"}', "blank_text"),
        ('{"text":"a\\u0000b"}', "bad_character"),
        ('{"text":"a\\ud800b"}', "bad_character"),
        ('{"text":"a\\uDFFFb"}', "bad_character"),
        ('{"text":"a","id":"\\ud800"}', "bad_character"),
        ('{"text":"a","gold":"\\u0000"}', "bad_character"),
        ('{"text":"a\0b"}', "bad_character"),
        ('{"text":"a"', "bad_json"),
        ('{"text":NaN}', "bad_json"),
        ('{"text":"a","n":1e999}', "bad_json"),
        ('["text"]', "bad_json"),
        ('"text"', "bad_json"),
        ("text", "bad_json"),
        ("[" * 100_000, "bad_json"),
        ('{"text":"' + "x" * 101 + '"}', "too_large"),
        ('{"text":"a","id":"' + "x" * 513 + '"}', "too_large"),
    ],
)
def test_a_bad_line_is_refused_and_the_others_go_in(folder: Folder, line: str, reason: str) -> None:
    content = '{"text":"before","id":1,"gold":2}\n' + line + '\n{"text":"after"}\n'
    options = {"id_column": "id", "gold_column": "gold", "document_bytes": 100}
    assert folder.texts(content, "a.jsonl", **options) == ["before", "after"]
    assert folder.refusals(content, "a.jsonl", **options) == [(2, reason)]


def test_a_refusal_names_the_key_and_the_type(folder: Folder) -> None:
    rows = folder.read('{"text":"a"}\n{"text":5}\n{"other":1}\n', "a.jsonl")
    assert [row.sentence for row in rows if isinstance(row, RefusedRow)] == [
        "The value of “text” is a number, not a string.",
        "The line has no “text”.",
    ]


def test_bad_bytes_cost_only_their_line(folder: Folder) -> None:
    content = '{"text":"Grüße"}\n'.encode() * 3 + b'{"text":"\xff"}\n{"text":"end"}\n'
    assert folder.refusals(content, "a.jsonl") == [(4, "bad_encoding")]
    assert len(folder.texts(content, "a.jsonl")) == 4


def test_a_blank_line_is_no_row(folder: Folder) -> None:
    rows = folder.read('\n{"text":"a"}\n  \n{"text":"b"}\n\n', "a.jsonl")
    assert [(row.number, row.line_number) for row in rows] == [(1, 2), (2, 4)]


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ('"k"', "k"),
        ("7", "7"),
        ("1.10", "1.10"),
        ("123456789012345678901234", "123456789012345678901234"),
        ("true", "true"),
        ("null", ""),
        ('{"a":[1]}', '{"a": [1]}'),
    ],
)
def test_an_id_that_is_no_string_becomes_its_json_text(folder: Folder, written: str, name: str) -> None:
    [row] = folder.read(f'{{"text":"a","id":{written}}}\n', "a.jsonl", id_column="id")
    assert isinstance(row, Row)
    assert row.external_id == name


def test_what_cannot_be_stored_is_replaced_in_metadata(folder: Folder) -> None:
    content = '{"text":"a","m":"x\\u0000y","n":["\\ud800",{"k\\u0000":1}],"ok":"\\\\u0000 \\ud83d\\ude00"}\n'
    [row] = folder.read(content, "a.jsonl")
    assert isinstance(row, Row)
    assert row.metadata == {"m": "x\ufffdy", "n": ["\ufffd", {"k\ufffd": 1}], "ok": "\\u0000 😀"}


def test_a_large_whole_number_in_metadata_stays_exact(folder: Folder) -> None:
    [row] = folder.read('{"text":"a","order":123456789012345678901234,"price":0.1}\n', "a.jsonl")
    assert isinstance(row, Row)
    assert row.metadata == {"order": 123456789012345678901234, "price": 0.1}


def test_a_line_far_over_the_limit_is_refused_without_reading_it_whole(folder: Folder) -> None:
    content = '{"text":"a"}\n{"text":"' + "x" * 4_000_000 + '"}\n{"text":"b"}\n'
    rows = folder.read(content, "a.jsonl", document_bytes=1_000)
    assert [(row.number, row.line_number, isinstance(row, Row)) for row in rows] == [
        (1, 1, True),
        (2, 2, False),
        (3, 3, True),
    ]


def test_jsonl_in_utf_16_with_carriage_returns_is_read(folder: Folder) -> None:
    content = '\ufeff{"text":"Grüße"}\r{"text":"b"}\r'.encode("utf-16-le")
    assert folder.texts(content, "a.jsonl") == ["Grüße", "b"]


def test_any_text_comes_out_as_it_went_in(folder: Folder) -> None:
    texts = ["  spaces kept  ", "tab\tand\r\nlines\n", "\u2028 \x7f \x1f", "emoji 😀 e\u0301", "﻿mark", '"\\/']
    for ascii_only in (True, False):
        content = "".join(json.dumps({"text": text}, ensure_ascii=ascii_only) + "\n" for text in texts)
        assert folder.texts(content, "a.jsonl") == texts


def test_a_key_of_megabytes_is_kept_and_is_no_column_to_choose(folder: Folder) -> None:
    key = "k" * 2_000_000
    content = f'{{"text": "a", "{key}": 1}}\n'
    assert folder.inspect(content, "file.jsonl").columns == ("text",)
    [row] = folder.read(content, "file.jsonl")
    assert row == Row(1, 1, "a", "", "", {key: 1})
