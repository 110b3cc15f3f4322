"""What goes into the reading room and what comes out of it."""

from dataclasses import dataclass
from enum import StrEnum

from labeling.states import RefusalReason

JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]


class Format(StrEnum):
    """How the rows stand in the file."""

    CSV = "csv"
    TSV = "tsv"
    JSONL = "jsonl"
    TXT = "txt"
    XLSX = "xlsx"


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What a person or a command chose. None: to be detected."""

    format: Format | None = None
    encoding: str | None = None
    delimiter: str | None = None
    text_column: str | None = None
    id_column: str | None = None
    gold_column: str | None = None
    has_header: bool = True
    sheet: str | None = None
    document_bytes: int = 10_000_000
    upload_bytes: int = 2_000_000_000


class FileRefused(Exception):
    """The file cannot be read at all; `str(error)` is the sentence for a person."""


class ColumnNotChosen(FileRefused):
    """A column is missing, repeated or still to be chosen.

    `inspection` holds what was found, with the columns to choose from and a preview; its text_column is None.
    """

    def __init__(self, sentence: str, inspection: "Inspection") -> None:
        super().__init__(sentence)
        self.inspection = inspection


@dataclass(frozen=True, slots=True)
class Inspection:
    """How a file will be read: all that `read_rows` needs, and what a person wants to see before.

    bom_bytes: length of the byte order mark that is skipped.
    delimiter: one character, empty for JSONL, TXT and XLSX.
    columns: the header made unique, or the JSON keys of all rows together in order of appearance (1,000 at most).
    header_line, header_text: the line (1-based) that was taken for the header; 0 and empty without one.
    first_line: the line (1-based) where the data begins.
    preview: the cells of the first rows, in the order of `columns`, each cut at 300 characters.
    warnings: sentences about what was guessed or is odd.
    sheet, sheets: of a workbook the one that is read, and all of them.
    """

    format: Format
    encoding: str
    bom_bytes: int
    delimiter: str
    columns: tuple[str, ...]
    header_line: int
    header_text: str
    first_line: int
    text_column: str | None
    id_column: str | None
    gold_column: str | None
    document_bytes: int
    preview: tuple[tuple[str, ...], ...]
    warnings: tuple[str, ...]
    sheet: str = ""
    sheets: tuple[str, ...] = ()

    def positions(self) -> tuple[int, int | None, int | None]:
        """Where in `columns` text, external id and gold label are. Raises FileRefused while there is no text column."""
        if self.text_column is None:
            raise FileRefused("The column that holds the text was not chosen.")
        return (
            self.columns.index(self.text_column),
            None if self.id_column is None else self.columns.index(self.id_column),
            None if self.gold_column is None else self.columns.index(self.gold_column),
        )


@dataclass(slots=True)
class Row:
    """One text of the file. number: 1-based data row; line_number: 1-based line where the row begins."""

    number: int
    line_number: int
    text: str
    external_id: str
    gold_label: str
    metadata: dict[str, JsonValue]


@dataclass(slots=True)
class RefusedRow:
    """A row that is no document, with the reason. raw: the row as it was, made storable by `text.raw_row`."""

    number: int
    line_number: int
    reason: RefusalReason
    sentence: str
    raw: str
