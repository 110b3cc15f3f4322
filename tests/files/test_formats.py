"""What a file is: by its name, and by what is in it."""

import io
import zipfile
from pathlib import Path

import pytest

from labeling.files import ColumnNotChosen, FileRefused, Format, ReadOptions, inspect
from tests.files.helpers import Folder


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("a.csv", "text\nx\n", Format.CSV),
        ("A.CSV", "text\nx\n", Format.CSV),
        ("a.tsv", "text\tid\nx\t1\n", Format.TSV),
        ("a.jsonl", '{"text":"x"}\n', Format.JSONL),
        ("a.ndjson", '{"text":"x"}\n', Format.JSONL),
        ("a.json", '{"text":"x"}\n{"text":"y"}\n', Format.JSONL),
        ("a.txt", "x\n", Format.TXT),
        ("a", '{"text":"x"}\n', Format.JSONL),
        ("a.dat", "id,text\n1,x\n", Format.CSV),
        ("a.dat", "id\ttext\n1\tx\n", Format.TSV),
        ("a.log", "one thing\nanother thing\n", Format.TXT),
    ],
)
def test_the_format_is_found(folder: Folder, name: str, content: str, found: Format) -> None:
    assert folder.inspect(content, name).format is found


def test_a_chosen_format_wins_over_the_name(folder: Folder) -> None:
    assert folder.texts("one, two\nthree\n", "a.csv", format=Format.TXT) == ["one, two", "three"]


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"%PDF-1.7\n%abc", "PDF"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "picture"),
        (b"\x1f\x8b\x08\0\0", "packed"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Office"),
        (b"SQLite format 3\0", "database"),
        (b"<!DOCTYPE html>\n<html>sign in</html>\n", "web page"),
        (b'{"text": "x"}\n{"text": "y"}\n', "JSON"),
        (b"\0" * 500, "not text"),
        (bytes(range(1, 32)) * 20, "not text"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_gets_a_sentence(folder: Folder, content: bytes, word: str) -> None:
    assert word in folder.sentence(content, "table.csv")


def test_a_broken_spreadsheet_says_what_to_do(folder: Folder) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    for name in ("a.xlsx", "a.csv"):
        assert "Save it as CSV" in folder.sentence(packed.getvalue(), name)
    assert "no spreadsheet" in folder.sentence("text\na\n", "a.xlsx")


def test_a_json_list_tells_how_to_turn_it(folder: Folder) -> None:
    assert "jq -c '.[]'" in folder.sentence('[{"text":"a"},{"text":"b"}]\n', "a.json")
    assert "jq -c '.[]'" in folder.sentence('[\n  {\n "text": "a"\n }\n]\n', "a.json")


def test_a_json_list_with_an_object_on_each_line_is_no_jsonl(folder: Folder) -> None:
    assert "jq -c '.[]'" in folder.sentence('[\n{"text":"a"},\n{"text":"b"}\n]\n', "a.json")


def test_json_over_several_lines_tells_how_to_turn_it(folder: Folder) -> None:
    assert "jq -c ." in folder.sentence('{\n  "text": "a"\n}\n', "a.json")


def test_a_csv_named_jsonl_gets_a_sentence(folder: Folder) -> None:
    assert folder.sentence("id,text\n1,a\n", "a.jsonl") == (
        "The file is named .jsonl, but no line of it is a JSON object."
    )


def test_json_in_a_txt_is_read_and_said(folder: Folder) -> None:
    assert any("JSON" in warning for warning in folder.inspect('{"text":"a"}\n', "a.txt").warnings)


def test_a_missing_file_and_a_folder_get_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match="There is no file"):
        inspect(tmp_path / "none.csv", "none.csv")
    with pytest.raises(FileRefused, match="is a folder"):
        inspect(tmp_path, "folder.csv")


def test_a_file_over_the_limit_gets_a_sentence(folder: Folder) -> None:
    assert folder.sentence("text\n" + "a\n" * 100, upload_bytes=50) == (
        "The file has 205 bytes; 50 are allowed. Split it."
    )


def test_a_column_in_doubt_still_shows_the_file(folder: Folder) -> None:
    path = folder.write("id,question,label\n1,Where is it?,card\n")
    with pytest.raises(ColumnNotChosen, match="id, question, label") as caught:
        inspect(path, "a.csv", ReadOptions())
    assert caught.value.inspection.columns == ("id", "question", "label")
    assert caught.value.inspection.preview == (("1", "Where is it?", "card"),)
    assert caught.value.inspection.text_column is None
