"""XLSX: the rows of one sheet, with numbers and dates as a person writes them; what has no end is refused."""

import io
import tracemalloc
import zipfile
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import Any

import pytest
from openpyxl import Workbook

from labeling.files import ReadOptions, RefusedRow, Row, inspect, read_rows, workbooks
from tests.files.helpers import Folder

HEAD = ("id", "text", "note")


def book(*sheets: Iterable[Iterable[Any]], names: tuple[str, ...] = (), hidden: tuple[int, ...] = ()) -> bytes:
    workbook = Workbook()
    workbook.remove(workbook.active)
    for place, rows in enumerate(sheets):
        sheet = workbook.create_sheet(names[place] if names else f"Sheet{place + 1}")
        for row in rows:
            sheet.append(list(row))
        if place in hidden:
            sheet.sheet_state = "hidden"
    content = io.BytesIO()
    workbook.save(content)
    return content.getvalue()


def packed(**parts: bytes) -> bytes:
    """A workbook in which parts are exchanged or added."""
    content = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(book([HEAD, (1, "a", "")]))) as sound,
        zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as file,
    ):
        for name in sound.namelist():
            if name not in parts:
                file.writestr(name, sound.read(name))
        for name, part in parts.items():
            file.writestr(name, part)
    return content.getvalue()


def sheet_of(body: bytes) -> bytes:
    return (
        b'<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        b"<sheetData>" + body + b"</sheetData></worksheet>"
    )


def test_rows_become_documents_with_their_other_columns(folder: Folder) -> None:
    rows = folder.read(book([HEAD, ("A-1", "first", "x"), ("A-2", "second", None)]), "a.xlsx", id_column="id")
    assert [
        (row.number, row.line_number, row.text, row.external_id, row.metadata) for row in rows if isinstance(row, Row)
    ] == [
        (1, 2, "first", "A-1", {"note": "x"}),
        (2, 3, "second", "A-2", {"note": ""}),
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "7"),
        (7.0, "7"),
        (0.1 + 0.2, "0.3"),
        (1_234_567_890_123, "1234567890123"),
        (1e300, "1e+300"),
        (-2.5, "-2.5"),
        (True, "TRUE"),
        (date(2026, 5, 12), "2026-05-12"),
        (datetime.fromisoformat("2026-05-12 14:30:00"), "2026-05-12 14:30:00"),
        (time(9, 5), "09:05:00"),
        (timedelta(hours=30, minutes=5), "30:05:00"),
        ("  kept as it is\nwith a line ", "  kept as it is\nwith a line "),
        ("#N/A", "#N/A"),
    ],
)
def test_a_cell_reads_as_a_person_would_write_it(folder: Folder, value: object, text: str) -> None:
    assert folder.texts(book([HEAD, ("1", value, "")]), "a.xlsx") == [text]


def test_empty_rows_are_no_rows_and_a_blank_text_is_refused(folder: Folder) -> None:
    content = book([(), HEAD, (), ("1", "one", ""), (None, None, None), ("2", "  ", "x"), ("3", "three", "")])
    assert folder.texts(content, "a.xlsx") == ["one", "three"]
    assert folder.refusals(content, "a.xlsx") == [(6, "blank_text")]
    (refused,) = [row for row in folder.read(content, "a.xlsx") if isinstance(row, RefusedRow)]
    assert refused.raw == "2,  ,x"


def test_a_row_with_more_cells_than_the_header_is_refused(folder: Folder) -> None:
    content = book([HEAD, ("1", "one", "", "too much"), ("2", "two")])
    assert folder.refusals(content, "a.xlsx") == [(2, "ragged_row")]
    assert folder.texts(content, "a.xlsx") == ["two"]


def test_without_a_header_the_columns_are_numbered(folder: Folder) -> None:
    found = folder.inspect(book([("one",), ("two",)]), "a.xlsx", has_header=False)
    assert (found.columns, found.header_line) == (("column_1",), 0)
    assert folder.texts(book([("one",), ("two",)]), "a.xlsx", has_header=False) == ["one", "two"]


def test_of_several_sheets_one_is_read_and_the_others_are_named(folder: Folder) -> None:
    content = book([()], [HEAD, (1, "from B", "")], [HEAD, (1, "from C", "")], names=("A", "B", "C"))
    found = folder.inspect(content, "a.xlsx")
    assert (found.sheet, found.sheets) == ("B", ("A", "B", "C"))
    assert found.warnings[0] == "The workbook has 3 sheets; “B” is read, and not “A”, “C”."
    assert folder.texts(content, "a.xlsx", sheet="C") == ["from C"]
    assert "The sheets are: A, B, C." in folder.sentence(content, "a.xlsx", sheet="D")
    assert "is empty" in folder.sentence(content, "a.xlsx", sheet="A")


def test_a_hidden_sheet_comes_last(folder: Folder) -> None:
    content = book([HEAD, (1, "hidden", "")], [HEAD, (1, "shown", "")], hidden=(0,))
    assert folder.texts(content, "a.xlsx") == ["shown"]


def test_columns_are_chosen_and_doubted_as_in_other_files(folder: Folder) -> None:
    content = book([("body", "key"), ("words", 5)])
    assert "The columns are: body, key. Choose one." in folder.sentence(content, "a.xlsx")
    assert folder.texts(content, "a.xlsx", text_column="body", id_column="key") == ["words"]


def test_the_name_does_not_matter_and_another_format_is_refused(folder: Folder) -> None:
    content = book([HEAD, (1, "a", "")])
    assert folder.texts(content, "a.csv") == ["a"]
    assert "cannot be read as CSV" in folder.sentence(content, "a.xlsx", format="csv")
    assert folder.sentence("text\na\n", "a.csv", format="xlsx") == "The file is no XLSX workbook."


def test_the_same_rows_come_again_from_any_place(folder: Folder) -> None:
    path = folder.write(book([HEAD, *((n, f"text {n}", "") for n in range(50))]), "a.xlsx")
    inspection = inspect(path, "a.xlsx", ReadOptions())
    rows = list(read_rows(path, inspection))
    assert list(islice(read_rows(path, inspection), 20, None)) == rows[20:]


@pytest.mark.parametrize("content", [b"PK\x03\x04", b"PK\x03\x04 and nothing that is packed"])
def test_a_damaged_file_gets_a_sentence(folder: Folder, content: bytes) -> None:
    assert folder.sentence(content, "a.xlsx").startswith("The file is a spreadsheet of another kind than XLSX")


def test_a_file_cut_in_the_middle_gets_a_sentence(folder: Folder) -> None:
    assert folder.sentence(book([HEAD, (1, "a", "")])[:-200], "a.xlsx")


@pytest.mark.parametrize("name", ["xl/workbook.xml", "xl/worksheets/sheet1.xml", "xl/styles.xml"])
def test_a_broken_part_gets_a_sentence(folder: Folder, name: str) -> None:
    sentence = folder.sentence(packed(**{name: b"<worksheet><oops"}), "a.xlsx")
    assert "cannot be read" in sentence or "no sheet" in sentence


def test_a_part_that_unpacks_to_far_too_much_is_refused_before_it_is_unpacked(folder: Folder) -> None:
    bomb = packed(**{"xl/media/zeros.bin": b"\0" * 30_000_000})
    assert len(bomb) < 100_000
    sentence = folder.sentence(bomb, "a.xlsx", upload_bytes=1_000_000)
    assert "unpacks to 30," in sentence


def test_too_many_shared_texts_are_refused(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbooks, "MOST_SHARED_BYTES", 1_000)
    content = packed(**{"xl/sharedStrings.xml": b"<sst>" + b"<si><t>text</t></si>" * 100 + b"</sst>"})
    assert "The texts of the workbook unpack to" in folder.sentence(content, "a.xlsx")


def test_a_cell_without_end_is_refused_before_it_is_in_memory(folder: Folder) -> None:
    body = b'<row r="1"><c t="inlineStr"><is><t>' + b"x" * 40_000_000 + b"</t></is></c></row>"
    path = folder.write(packed(**{"xl/worksheets/sheet1.xml": sheet_of(body)}), "a.xlsx")
    del body
    tracemalloc.start()
    sentence = folder.sentence(path.read_bytes(), "a.xlsx")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "A cell of the workbook has more than" in sentence
    assert peak < 10_000_000


def test_a_row_without_end_is_refused(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbooks, "MOST_ROW_BYTES", 2_000_000)
    body = b'<row r="1">' + b'<c t="inlineStr"><is><t>text</t></is></c>' * 200_000 + b"</row>"
    sentence = folder.sentence(packed(**{"xl/worksheets/sheet1.xml": sheet_of(body)}), "a.xlsx")
    assert "A row of the workbook has more than" in sentence


def test_entities_are_refused(folder: Folder) -> None:
    laughs = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha">]>' + sheet_of(b"")[21:]
    assert "document type" in folder.sentence(packed(**{"xl/worksheets/sheet1.xml": laughs}), "a.xlsx")


def test_memory_does_not_grow_with_the_rows(folder: Folder) -> None:
    body = b"".join(
        b'<row r="%d"><c t="inlineStr"><is><t>%s</t></is></c></row>' % (n, b"text" if n == 1 else b"row %d" % n * 20)
        for n in range(1, 20_001)
    )
    path = folder.write(packed(**{"xl/worksheets/sheet1.xml": sheet_of(body)}), "a.xlsx")
    del body
    inspection = inspect(path, "a.xlsx", ReadOptions())
    tracemalloc.start()
    count = sum(1 for _ in read_rows(path, inspection))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 19_999
    assert peak < 6_000_000
