"""XLSX within the limits of spreadsheets."""

import io

import pytest
from openpyxl import load_workbook

from labeling import exports
from labeling.exports import COLUMNS, Format, spreadsheet
from tests.exports.samples import sheets, upload_of, written
from tests.factories import make_request, make_result

pytestmark = pytest.mark.django_db


def test_a_spreadsheet_holds_texts_as_text_and_money_as_numbers():
    upload = upload_of(["=1+1", "#N/A", "12", "Grüße 🧾"], metadata={"n": -2.5, "yes": True, "big": 2**60})
    make_result(make_request(upload.document_set.earliest("pk")))

    content = written(Format.XLSX, upload)[0]

    [[header, *lines]] = sheets(content)
    assert header == [*COLUMNS, "big", "n", "yes"]
    assert {cell.data_type for cell in load_workbook(io.BytesIO(content))["labels"]["B"]} == {"s"}
    assert [line[1] for line in lines] == ["'=1+1", "#N/A", "12", "Grüße 🧾"]
    assert lines[0][COLUMNS.index("paid_cost_usd")] == pytest.approx(0.000075)
    assert lines[0][-3:] == [str(2**60), -2.5, True]


def test_the_characters_that_a_spreadsheet_cannot_hold_are_escaped_as_it_reads_them():
    upload = upload_of(
        ["bell\x07", "escape\x1b", "unit\x1f", "carriage\rreturn", "\ufffe", "_x0041_", "tab\tand\nline"]
    )

    [[_, *lines]] = sheets(written(Format.XLSX, upload)[0])

    assert [line[1] for line in lines] == [
        "bell_x0007_",
        "escape_x001B_",
        "unit_x001F_",
        "carriage_x000D_return",
        "_xFFFE_",
        "_x005F_x0041_",
        "tab\tand\nline",
    ]


@pytest.mark.parametrize("text", ["x" * 40_000, "🧾" * 20_000, "\x07" * 6_000, "=" + "x" * 32_767])
def test_a_cell_that_is_too_long_for_a_spreadsheet_is_cut_marked_and_counted(text: str):
    content, summary = written(Format.XLSX, upload_of([text, "y" * 32_767, "\x07" * 4_000]))

    [[_, cut, whole, escaped]] = sheets(content)
    assert summary.cells_cut == 1
    assert cut[1].endswith(" […cut]")
    assert 32_000 < len(cut[1].encode("utf-16-le")) / 2 <= 32_767
    assert whole[1] == "y" * 32_767
    assert escaped[1] == "_x0007_" * 4_000


def test_a_spreadsheet_goes_on_in_a_further_sheet(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(spreadsheet, "SHEET_ROWS", 2)

    found = sheets(written(Format.XLSX, upload_of(["a", "b", "c", "d", "e"]))[0])

    assert [[line[1] for line in sheet] for sheet in found] == [["text", "a", "b"], ["text", "c", "d"], ["text", "e"]]


def test_a_spreadsheet_can_be_downloaded_and_leaves_no_file_behind():
    content = b"".join(exports.stream(Format.XLSX, upload=upload_of(["a"])))

    assert sheets(content)[0][1][1] == "a"
    assert list(exports.files.store.folder("exports").iterdir()) == []
