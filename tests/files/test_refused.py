"""The download of refused rows."""

import csv

from labeling.files import RefusedRow, guard_formula, refused_rows_csv
from tests.files.helpers import Folder


def test_refused_rows_can_be_downloaded(folder: Folder) -> None:
    rows = folder.read('id,text\n1,good\n=cmd(),"x"\n2,a,b\n=HYPERLINK("x"),too,many\n')
    refused = [row for row in rows if isinstance(row, RefusedRow)]
    content = b"".join(refused_rows_csv(refused)).decode()
    assert list(csv.reader(content.splitlines())) == [
        ["row_number", "line_number", "reason", "sentence", "raw"],
        ["3", "4", "ragged_row", "The row has 3 cells; there are 2 columns.", "2,a,b"],
        ["4", "5", "ragged_row", "The row has 3 cells; there are 2 columns.", '\'=HYPERLINK("x"),too,many'],
    ]


def test_a_cell_that_a_spreadsheet_would_run_is_guarded() -> None:
    assert [guard_formula(cell) for cell in ("=1", "+1", "-1", "@x", "\tx", "\rx", "x=1", "")] == [
        "'=1",
        "'+1",
        "'-1",
        "'@x",
        "'\tx",
        "'\rx",
        "x=1",
        "",
    ]
