"""The reading room: a file of rows becomes texts, and what cannot be read becomes a sentence.

    inspect     a file, what was chosen   -> Inspection: how it will be read, or FileRefused
    read_rows   a file, its Inspection    -> one Row or RefusedRow for every data row, in the order of the file

Pure: no ORM, no SDK, no Django. Everything streams; memory does not grow with the file. The same file read with an
equal Inspection gives the same sequence, so an import goes on after a crash by skipping what it has.

What counts as a row:

* CSV and TSV: as the csv module reads them. A wholly empty line is no row. A quote that is never closed costs only
  the lines up to the one where it was opened (`delimited.py` says how that is decided).
* JSONL: every line that is not blank. A text that is missing, null or not a string is refused as not_text.
* TXT: every line. A blank line is a refused row.
* XLSX: the rows of one sheet. A wholly empty row is no row.

A line ends with LF, CRLF or CR, in every format.
"""

from labeling.files.encodings import ENCODINGS
from labeling.files.inspection import inspect
from labeling.files.reading import read_rows
from labeling.files.refused import guard_formula, refused_rows_csv
from labeling.files.shapes import (
    ColumnNotChosen,
    FileRefused,
    Format,
    Inspection,
    JsonValue,
    ReadOptions,
    RefusedRow,
    Row,
)

__all__ = [
    "ENCODINGS",
    "ColumnNotChosen",
    "FileRefused",
    "Format",
    "Inspection",
    "JsonValue",
    "ReadOptions",
    "RefusedRow",
    "Row",
    "guard_formula",
    "inspect",
    "read_rows",
    "refused_rows_csv",
]
