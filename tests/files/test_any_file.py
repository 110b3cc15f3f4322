"""What holds for every file, tried on many made by chance from a fixed seed."""

import csv
import io
import random
import tracemalloc
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from labeling.files import FileRefused, Inspection, ReadOptions, RefusedRow, Row, inspect, read_rows
from tests.files.helpers import Folder

ALPHABET = [
    "a",
    "b",
    " ",
    ",",
    ";",
    "\t",
    "|",
    '"',
    '""',
    "\n",
    "\r\n",
    "\r",
    "é",
    "€",
    "😀",
    "\u2028",
    "=",
    "'",
    "\\",
    ".",
]


def _cell(chance: random.Random) -> str:
    return "".join(chance.choices(ALPHABET, k=chance.randrange(12)))


@pytest.mark.parametrize("seed", range(60))
def test_what_the_csv_module_wrote_comes_back_unchanged(folder: Folder, seed: int) -> None:
    chance = random.Random(seed)
    rows = [["x" + _cell(chance), _cell(chance), _cell(chance)] for _ in range(40)]
    content = io.StringIO()
    delimiter = chance.choice(",;\t|")
    # With another line end than CRLF, the writer leaves a lone CR or LF inside a cell without quotes, unless told.
    line_end = chance.choice(["\n", "\r\n", "\r"])
    if line_end == "\r\n" and chance.random() < 0.5:
        writer = csv.writer(content, delimiter=delimiter)
    else:
        writer = csv.writer(content, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator=line_end)
    writer.writerows([["text", "id", "more"], *rows])
    encoding = chance.choice(["utf-8", "utf-8-sig", "utf-16"])
    read = folder.read(content.getvalue().encode(encoding), id_column="id", delimiter=delimiter)
    assert [[row.text, row.external_id, row.metadata["more"]] for row in read if isinstance(row, Row)] == rows
    assert len(read) == len(rows)


def _inspection_or_none(path: Path, name: str) -> Inspection | None:
    try:
        return inspect(path, name)
    except FileRefused:
        return None


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.txt"])
def test_any_bytes_give_rows_or_a_sentence_and_the_size_of_blocks_changes_nothing(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    chance = random.Random(name)
    pieces = [piece.encode() for piece in ALPHABET] + [b"\0", b"\xff", b"\xe2\x82", b"word", b",word\n", b'1,"x"\n']
    pieces += [b'{"text":"a"}\n', b'{"text":"\\ud800"}\n', b'{"text":5,"b":[1]}\n']
    outcomes = {"rows": 0, "refused rows": 0, "sentences": 0}
    for _ in range(400):
        has_header = name.endswith("sv") and chance.random() < 0.9
        content = b"text,b\n" * has_header + b"".join(chance.choices(pieces, k=chance.randrange(80)))
        path = folder.write(content, name)
        inspection = _inspection_or_none(path, name)
        if inspection is None:
            outcomes["sentences"] += 1
            continue
        whole = list(read_rows(path, inspection))
        for block_bytes, long_row in ((2, 1), (16, 8), (64, 1_000)):
            monkeypatch.setattr("labeling.files.blocks.BLOCK_BYTES", block_bytes)
            monkeypatch.setattr("labeling.files.delimited.LONG_ROW_CHARACTERS", long_row)
            assert list(read_rows(path, inspection)) == whole
            monkeypatch.undo()
        assert [row.number for row in whole] == list(range(1, len(whole) + 1))
        outcomes["rows"] += sum(isinstance(row, Row) for row in whole)
        outcomes["refused rows"] += sum(isinstance(row, RefusedRow) for row in whole)
    assert min(outcomes.values()) > 0
    assert outcomes["rows"] > 100
    assert outcomes["refused rows"] > 100


def test_the_size_of_blocks_changes_nothing_in_utf_16(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random("utf-16")
    # The last ones have the bytes of a line end in the wrong place.
    pieces = [*ALPHABET, "word", '1,"x"\n', "\u0a0a", "\u0d0d", "\u0a05\u0100", "\u0d05\u0100", "\u010a"]
    for encoding in ("utf-16-le", "utf-16-be"):
        for _ in range(100):
            content = "".join(["\ufefftext,b\n", *chance.choices(pieces, k=100)]).encode(encoding)
            path = folder.write(content)
            inspection = inspect(path, "a.csv")
            whole = list(read_rows(path, inspection))
            for block_bytes in (2, 10, 64):
                monkeypatch.setattr("labeling.files.blocks.BLOCK_BYTES", block_bytes)
                assert list(read_rows(path, inspection)) == whole
                monkeypatch.undo()
            assert whole


def test_the_size_of_blocks_changes_nothing_for_rows_over_the_limit(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random("limit")
    pieces = ["a" * 30, "b" * 90, ',"', '"', '"\n', "\n", "\n", "1,x\n", '""']
    monkeypatch.setattr("labeling.files.delimited.row_limit", lambda document_bytes: 80)
    kinds = set()
    for _ in range(500):
        path = folder.write("text,b\n" + "".join(chance.choices(pieces, k=30)))
        inspection = inspect(path, "a.csv")
        outcomes = []
        for block_bytes, long_row in ((64, 10_000), (64, 1), (16, 30), (2, 10)):
            monkeypatch.setattr("labeling.files.blocks.BLOCK_BYTES", block_bytes)
            monkeypatch.setattr("labeling.files.delimited.LONG_ROW_CHARACTERS", long_row)
            outcomes.append([_without_raw(row) for row in read_rows(path, inspection)])
        assert outcomes == [outcomes[0]] * 4
        kinds |= {(row.reason.value, row.sentence) for row in outcomes[0] if isinstance(row, RefusedRow)}
    assert {
        ("too_large", "The row is larger than 80 bytes."),
        ("too_large", "The line is larger than 80 bytes."),
    } < kinds


def _without_raw(row: Row | RefusedRow) -> Row | RefusedRow:
    """Of a row over the limit only what was at hand is kept."""
    return replace(row, raw="") if isinstance(row, RefusedRow) else row


def test_every_text_can_be_stored_and_sent(folder: Folder) -> None:
    chance = random.Random(7)
    content = b"text,b\n" + bytes(chance.choices(range(256), weights=[1] * 10 + [99] + [20] * 245, k=60_000))
    rows = folder.read(content, encoding="utf-8") + folder.read(content, encoding="cp1252")
    for row in rows:
        kept = row.text if isinstance(row, Row) else row.raw
        assert "\0" not in kept
        assert kept.encode().decode() == kept


def test_an_import_can_go_on_by_skipping_what_it_has(folder: Folder) -> None:
    content = "".join(f'{number},"text\n{number}"\n{number}\n' for number in range(2_000))
    path = folder.write("id,text\n" + content)
    inspection = inspect(path, "file.csv")
    whole = list(read_rows(path, inspection))
    assert list(islice(read_rows(path, inspection), 1_234, None)) == whole[1_234:]
    assert len(whole) == 4_000


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.txt"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, name: str) -> None:
    line = '{"text":"' + "x" * 200 + '"}\n' if name.endswith("jsonl") else "x" * 200 + "\n"
    path = tmp_path / name
    path.write_text("text\n" * name.endswith("csv") + line * 100_000)
    tracemalloc.start()
    inspection = inspect(path, name)
    rows = sum(1 for _ in islice(read_rows(path, inspection), 0, None, 1))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert rows == 100_000
    assert peak < 15_000_000


def test_memory_does_not_grow_with_a_text_over_the_limit(folder: Folder) -> None:
    path = folder.write(b'text\n"' + (b"a line of a book, " * 10 + b"\n") * 60_000 + b'"\nafter\n')
    inspection = inspect(path, "a.csv", ReadOptions(document_bytes=1_000))
    tracemalloc.start()
    rows = list(read_rows(path, inspection))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [isinstance(row, Row) for row in rows] == [False, True]
    assert peak < 50_000_000  # the csv module needs four bytes per character of what it has not given back
