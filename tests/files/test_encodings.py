"""Which encoding a file has, and what happens to bytes that are not text in it."""

import pytest

from labeling.files import RefusedRow, Row
from tests.files.helpers import Folder

LETTERS = "text,place\nGrüße aus Köln – „gut“ €,Köln\nçà et là,Besançon\n"


@pytest.mark.parametrize(
    ("encoding", "found"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("utf-16", "utf-16-le"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("cp1252", "cp1252"),
    ],
)
def test_an_encoding_is_found_and_the_text_comes_out_as_it_went_in(folder: Folder, encoding: str, found: str) -> None:
    content = LETTERS.encode(encoding)
    assert folder.inspect(content).encoding == found
    assert folder.texts(content) == ["Grüße aus Köln – „gut“ €", "çà et là"]


def test_utf_16_big_endian_with_a_mark_is_read(folder: Folder) -> None:
    assert folder.texts("\ufefftext\nGrüße\n".encode("utf-16-be")) == ["Grüße"]


def test_utf_16_without_a_mark_in_another_script_is_read(folder: Folder) -> None:
    content = "text,id\nДобрый день где моя карта,1\nСпасибо,2\n".encode("utf-16-le")
    assert folder.texts(content) == ["Добрый день где моя карта", "Спасибо"]


def test_windows_1252_is_a_guess_and_says_so(folder: Folder) -> None:
    inspection = folder.inspect("text\nplain\nCafé\n".encode("cp1252"))
    assert any("line 3" in warning and "Windows-1252" in warning for warning in inspection.warnings)


def test_another_script_is_suggested(folder: Folder) -> None:
    lines = "text\n" + "Здравствуйте моя карта до сих пор не пришла\n" * 20
    inspection = folder.inspect(lines.encode("cp1251"))
    assert any("Windows-1251" in warning for warning in inspection.warnings)
    assert folder.texts(lines.encode("cp1251"), encoding="windows-1251")[0].startswith("Здравствуйте")


def test_a_byte_deep_in_a_large_file_decides_the_encoding(folder: Folder) -> None:
    content = b"text\n" + b"plain text\n" * 300_000 + "Café\n".encode("cp1252")
    assert folder.inspect(content).encoding == "cp1252"
    assert folder.texts(content)[-1] == "Café"


def test_a_few_bad_bytes_in_utf_8_cost_only_their_rows(folder: Folder) -> None:
    content = "text\nGrüße\nKöln\n".encode() + b"bro\xffken\n" + "Größe\n".encode()
    rows = folder.read(content)
    assert [row.text for row in rows if isinstance(row, Row)] == ["Grüße", "Köln", "Größe"]
    [refused] = [row for row in rows if isinstance(row, RefusedRow)]
    assert (refused.number, refused.line_number, refused.reason.value) == (3, 4, "bad_encoding")
    assert refused.raw == "bro\\xffken"
    assert any("line 4" in warning for warning in folder.inspect(content).warnings)


def test_a_chosen_encoding_counts_and_what_it_cannot_read_is_refused(folder: Folder) -> None:
    content = "text\nplain\nCafé\n".encode("cp1252")
    assert folder.refusals(content, encoding="UTF-8") == [(3, "bad_encoding")]
    assert folder.texts(content, encoding="latin-1") == ["plain", "Café"]


def test_a_byte_that_windows_1252_does_not_have_is_refused(folder: Folder) -> None:
    assert folder.refusals(b"text\ncaf\xe9\n\x81\n", "f.txt") == [(3, "bad_encoding")]


def test_half_a_character_of_utf_16_costs_only_its_row(folder: Folder) -> None:
    content = "\ufefftext\none\nt".encode("utf-16-le") + b"\x00\xd8" + "\nthree\n".encode("utf-16-le")
    assert folder.texts(content) == ["one", "three"]
    assert folder.refusals(content) == [(3, "bad_encoding")]


def test_an_odd_byte_at_the_end_of_utf_16_is_refused(folder: Folder) -> None:
    content = "\ufefftext\none\ntwo".encode("utf-16-le") + b"\x41"
    assert folder.texts(content) == ["one"]
    assert folder.refusals(content) == [(3, "bad_encoding")]


def test_an_unknown_encoding_gets_a_sentence(folder: Folder) -> None:
    assert "no encoding named" in folder.sentence("text\na\n", encoding="klingon")
    assert "are not read" in folder.sentence("text\na\n", encoding="utf-7")


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\xff\xfe", b" \r\n\t\n", b"\xff\xfe\n\x00 \x00"])
@pytest.mark.parametrize("name", ["f.csv", "f.jsonl", "f.txt"])
def test_an_empty_file_is_refused(folder: Folder, content: bytes, name: str) -> None:
    assert folder.sentence(content, name) == "The file is empty."


def test_mixed_line_ends_are_said(folder: Folder) -> None:
    inspection = folder.inspect("text\r\none\ntwo\rthree\n")
    assert any("1 CRLF, 2 LF, 1 CR" in warning for warning in inspection.warnings)
    assert folder.texts("text\r\none\ntwo\rthree\n") == ["one", "two", "three"]


def test_mixed_line_ends_of_utf_16_are_said(folder: Folder) -> None:
    inspection = folder.inspect("\ufefftext\r\none\ntwo\n".encode("utf-16-le"))
    assert any("1 CRLF, 2 LF" in warning for warning in inspection.warnings)


def test_what_is_counted_does_not_depend_on_where_a_chunk_ends(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labeling.files.encodings.SURVEY_BYTES", 2)
    content = "text\r\nGrüße 😀\r\n€\r\n".encode()
    assert folder.inspect(content).encoding == "utf-8"
    assert folder.inspect(content).warnings == ("Line 1 was taken for the header: text",)
    assert any("line 4" in warning for warning in folder.inspect(content + b"\xff\r\n").warnings)
    utf_16 = "\ufefftext\r\nGrüße\r\n".encode("utf-16-le")
    assert folder.inspect(utf_16).warnings == ("Line 1 was taken for the header: text",)
