"""CSV comes back as it went, and no spreadsheet runs it."""

import pytest

from labeling.exports import COLUMNS, Format
from tests.exports.samples import FORMULAS, NASTY, read_csv, upload_of, written
from tests.factories import make_document, make_request, make_result, make_upload

pytestmark = pytest.mark.django_db


def test_csv_comes_back_through_a_csv_reader():
    upload = upload_of(NASTY)

    header, *lines = read_csv(written(Format.CSV, upload)[0])

    assert header == list(COLUMNS)
    assert [line[1] for line in lines] == list(NASTY)
    assert {len(line) for line in lines} == {len(COLUMNS)}


def test_csv_is_utf_8_without_a_byte_order_mark():
    content, _ = written(Format.CSV, upload_of(["Grüße"]))

    assert content.startswith(b"external_id,text,")
    assert "Grüße".encode() in content


def test_a_cell_that_a_spreadsheet_would_run_is_guarded_wherever_it_stands():
    upload = make_upload()
    for number, formula in enumerate(FORMULAS):
        make_document(
            upload,
            text=f"{formula}{number}",
            external_id=formula,
            gold_label=formula,
            metadata={"cell": formula, "=name": -1, "list": ["=1"]},
        )
    make_result(make_request(upload.document_set.earliest("pk")), answer="=HYPERLINK()")

    header, *lines = read_csv(written(Format.CSV, upload)[0])

    assert header[-3:] == ["'=name", "cell", "list"]
    assert [line[0] for line in lines] == [f"'{formula}" for formula in FORMULAS]
    assert lines[0][2] == "'=HYPERLINK()"
    assert lines[1][-3:] == ["'-1", "'+1", '["=1"]']
    assert not [cell for line in lines for cell in line if cell[:1] in set("=+-@\t\r")]
