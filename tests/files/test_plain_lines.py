"""TXT: every line is a document."""

import pytest

from labeling.files import RefusedRow
from tests.files.helpers import Folder


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_every_line_is_a_document_and_a_blank_line_a_refused_row(folder: Folder, line_end: str) -> None:
    content = line_end.join(["one", "", ' "two", 2 ', "  ", "three"])
    assert folder.texts(content, "a.txt") == ["one", ' "two", 2 ', "three"]
    assert folder.refusals(content, "a.txt") == [(2, "blank_text"), (4, "blank_text")]


def test_a_line_end_at_the_end_makes_no_further_row(folder: Folder) -> None:
    assert len(folder.read("one\ntwo\n", "a.txt")) == 2


def test_a_nul_costs_only_its_line(folder: Folder) -> None:
    assert folder.refusals(b"one two three\nf\0ur\nfive\n", "a.txt") == [(2, "bad_character")]


def test_a_column_that_a_txt_has_not_gets_a_sentence(folder: Folder) -> None:
    assert "The columns are: text." in folder.sentence("one\n", "a.txt", id_column="id")
    assert folder.texts("one\n", "a.txt", text_column="text") == ["one"]


def test_a_text_over_the_limit_is_refused(folder: Folder) -> None:
    content = "one\n" + "x" * 11 + "\n" + "y" * 3_000_000 + "\ntwo\n"
    assert folder.texts(content, "a.txt", document_bytes=10) == ["one", "two"]
    rows = [row for row in folder.read(content, "a.txt", document_bytes=10) if isinstance(row, RefusedRow)]
    assert [(row.line_number, row.reason.value) for row in rows] == [(2, "too_large"), (3, "too_large")]
    assert rows[1].raw.startswith("yyyy")
    assert len(rows[1].raw) < 11_000
