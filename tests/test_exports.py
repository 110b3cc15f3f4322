import csv
import io
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from openpyxl import load_workbook

from labeling import exports
from labeling.exports import COLUMNS, Format, reading, spreadsheet
from labeling.models import Document, LabelingTask, Upload
from labeling.pricing import Usage
from labeling.states import DocumentState, FailureReason, Lane, Outcome, UploadState
from labeling.transitions.again import queue_again
from tests.factories import LIST_USD, make_batch, make_document, make_request, make_result, make_task, make_upload
from tests.factories import make_version as new_version

pytestmark = pytest.mark.django_db

NASTY = (
    "line\u2028separator and paragraph\u2029separator",
    "next\x85line, bell\x07, escape\x1b[31m, delete\x7f",
    'quotes " and "" and commas, semicolons; tabs\t',
    "line\nfeed, carriage\rreturn, both\r\n",
    "emoji 🧾👩‍👩‍👧 and a flag 🇩🇪",
    "right to left: \u202eשלום\u202c مرحبا",
    "  blanks around  ",
    "\ufeffbyte order mark, nonspace\u200b, \ufffe\uffff noncharacters",
    "back\\slash \\u0041 \\n",
    "_x0041_ looks like an escape of a spreadsheet",
    "#N/A",
    "e\u0301 is not \u00e9",
    "'already guarded",
)
FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx")


def test_a_labeled_document_is_told_with_everything_that_is_known_of_it():
    upload = make_upload()
    document = make_document(upload, text="the sky", external_id="a-1", gold_label="blue", metadata={"channel": "mail"})
    request = make_request(document)
    result = make_result(
        request, answer="blue", model="claude-haiku-4-5-20251001", usage=Usage(50, 20, 4, 8, 100), created_at=at(6)
    )

    [row] = rows(upload)

    assert list(row) == [*COLUMNS, "channel"]
    assert row == {
        "external_id": "a-1",
        "text": "the sky",
        "label": "blue",
        "gold_label": "blue",
        "state": "labeled",
        "reason": "",
        "source": "model",
        "lane": "batch",
        "model": "claude-haiku-4-5-20251001",
        "task_version": 1,
        "attempts": 1,
        "custom_id": request.custom_id,
        "batch": f"B-{request.batch_id}",
        "input_tokens": 162,
        "output_tokens": 20,
        "list_cost_usd": "0.000150000000",
        "paid_cost_usd": "0.000075000000",
        "labeled_at": "2026-03-04T06:00:00.000000Z",
        "channel": "mail",
    }
    assert result.paid_usd == Decimal(row["paid_cost_usd"])


def test_a_document_that_waits_has_empty_columns_and_no_cost():
    [row] = rows(make_document().upload)

    assert row["state"] == "queued"
    assert [name for name in COLUMNS if row[name] == ""] == [
        "external_id",
        "label",
        "gold_label",
        "reason",
        "source",
        "lane",
        "model",
        "custom_id",
        "batch",
        "labeled_at",
    ]
    assert (row["task_version"], row["attempts"], row["input_tokens"], row["output_tokens"]) == (1, 0, 0, 0)
    assert Decimal(row["list_cost_usd"]) == Decimal(row["paid_cost_usd"]) == 0


def test_a_document_in_flight_names_its_open_attempt():
    request = make_request()

    [row] = rows(request.document.upload)

    assert (row["state"], row["label"], row["labeled_at"]) == ("batched", "", "")
    assert (row["custom_id"], row["model"]) == (request.custom_id, request.version.model)
    assert (row["batch"], row["lane"], row["attempts"]) == (f"B-{request.batch_id}", "batch", 1)


def test_an_urgent_document_has_no_batch_and_pays_the_list_price():
    request = make_request(lane=Lane.URGENT)
    make_result(request)

    [row] = rows(request.document.upload)

    assert (row["lane"], row["batch"], row["custom_id"]) == ("urgent", "", request.custom_id)
    assert row["list_cost_usd"] == row["paid_cost_usd"] == "0.000150000000"


def test_a_failed_document_says_why_and_shows_no_unusable_answer_as_label():
    request = make_request()
    make_result(request, answer="mauve", usable=False, failure_reason=FailureReason.NOT_A_LABEL)

    [row] = rows(request.document.upload)

    assert (row["state"], row["reason"], row["label"], row["source"]) == ("failed", "not_a_label", "", "")
    assert row["custom_id"] == request.custom_id
    assert Decimal(row["paid_cost_usd"]) == LIST_USD / 2


def test_tokens_and_money_are_summed_over_all_attempts():
    document = make_document()
    make_request(document, outcome=Outcome.NOT_SENT)
    make_result(make_request(document), usable=False, goes_again=True, list_usd=Decimal("0.3"), paid_usd=Decimal("0.1"))
    make_result(make_request(document), outcome=Outcome.EXPIRED, goes_again=True)
    last = make_request(document)
    make_result(last, usage=Usage(7, 5), list_usd=Decimal("0.000000000003"), paid_usd=Decimal("0.000000000001"))

    [row] = rows(document.upload)

    assert row["attempts"] == 3
    assert (row["input_tokens"], row["output_tokens"]) == (57, 25)
    assert (row["list_cost_usd"], row["paid_cost_usd"]) == ("0.300000000003", "0.100000000001")
    assert (row["state"], row["custom_id"]) == ("labeled", last.custom_id)


def test_the_last_attempt_that_was_sent_is_named_while_there_is_no_result():
    document = make_document()
    expired = make_request(document)
    make_result(expired, outcome=Outcome.EXPIRED, goes_again=True)
    make_request(document, outcome=Outcome.NOT_SENT)

    [row] = rows(document.upload)

    assert (row["state"], row["custom_id"], row["model"]) == ("queued", expired.custom_id, expired.version.model)


def test_one_unknown_price_makes_the_sum_unknown_and_not_smaller():
    document = make_document()
    make_result(make_request(document), usable=False, goes_again=True, list_usd=None, paid_usd=None)
    make_result(make_request(document))

    [row] = rows(document.upload)

    assert (row["list_cost_usd"], row["paid_cost_usd"]) == ("", "")
    assert row["input_tokens"] == 100


def test_a_copy_shows_the_result_of_its_leader_and_costs_nothing():
    upload = make_upload()
    leader, copy = make_document(upload, text="same"), make_document(upload, text="same", external_id="copy")
    request = make_request(leader)
    make_result(request, answer="green")

    first, second = rows(upload)

    assert copy.leader_id == leader.pk
    assert (first["source"], second["source"]) == ("model", "copy")
    assert second["external_id"] == "copy"
    for name in ("label", "lane", "model", "custom_id", "batch", "task_version", "labeled_at"):
        assert second[name] == first[name]
    assert (second["attempts"], second["input_tokens"], second["output_tokens"]) == (0, 0, 0)
    assert Decimal(second["list_cost_usd"]) == Decimal(second["paid_cost_usd"]) == 0


def test_a_copy_that_waits_has_no_source_yet():
    upload = make_upload()
    make_request(make_document(upload, text="same"))
    make_document(upload, text="same")

    assert [(row["state"], row["source"], row["custom_id"]) for row in rows(upload)][1] == ("queued", "", "")


def test_a_document_that_is_sent_again_keeps_its_label_until_a_better_one_arrives():
    document = make_document()
    first = make_request(document)
    make_result(first, answer="red")
    Document.objects.filter(pk=document.pk).update(state=DocumentState.FAILED, failure_reason=FailureReason.POISON)
    queue_again(Document.objects.filter(pk=document.pk), document.way)
    make_request(document)

    [before] = rows(document.upload)
    second = document.request_set.get(outcome=Outcome.OPEN)
    make_result(second, answer="blue")
    [after] = rows(document.upload)

    assert (before["state"], before["label"], before["custom_id"]) == ("batched", "red", first.custom_id)
    assert (after["state"], after["label"], after["custom_id"]) == ("labeled", "blue", second.custom_id)
    assert Decimal(after["paid_cost_usd"]) == LIST_USD


def test_a_result_is_told_with_the_version_that_brought_it():
    task = make_task()
    old = new_version(task)
    upload = make_upload(old)
    labeled, waiting = make_document(upload), make_document(upload)
    make_result(make_request(labeled))
    new = new_version(task)
    Document.objects.filter(upload=upload).update(version=new)

    assert [row["task_version"] for row in rows(upload)] == [1, 2]
    assert waiting.version_id == old.pk


def test_withdrawn_documents_and_uploads_are_left_out():
    version = new_version()
    kept, wrong = make_upload(version), make_upload(version, state=UploadState.WITHDRAWN)
    make_document(kept, external_id="kept")
    make_document(kept, external_id="withdrawn", state=DocumentState.WITHDRAWN)
    make_document(wrong, external_id="wrong file")

    assert [row["external_id"] for row in exports.rows(version.task)] == ["kept"]


def test_every_document_comes_once_in_the_order_of_import_however_small_a_page_is(monkeypatch: pytest.MonkeyPatch):
    version = new_version()
    first, second = make_upload(version), make_upload(version)
    foreign = make_upload()
    for number in range(12):
        make_document(first if number % 3 else second, external_id=f"{number}")
        make_document(foreign, external_id="foreign")
    expected = [f"{n}" for n in range(12) if n % 3] + [f"{n}" for n in range(12) if not n % 3]

    for ids in (1, 2, 3, 5, 1000):
        monkeypatch.setattr(reading, "PAGE_IDS", ids)
        assert [row["external_id"] for row in exports.rows(version.task)] == expected


def test_a_page_ends_when_its_texts_are_large_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch):
    upload = make_upload()
    for number in range(7):
        make_document(upload, text=f"{number} {'x' * 100}", external_id=f"{number}")
    monkeypatch.setattr(reading, "PAGE_BYTES", 250)
    sizes = []
    read_page = reading._page

    def watched_page(query: str, place: dict[str, Any]) -> list[tuple[Any, ...]]:
        page = read_page(query, place)
        sizes.append(len(page))
        return page

    monkeypatch.setattr(reading, "_page", watched_page)

    assert [row["external_id"] for row in rows(upload)] == [f"{number}" for number in range(7)]
    assert sizes == [3, 3, 1]


def test_the_number_of_queries_grows_with_the_pages_and_not_with_the_documents(
    django_assert_max_num_queries: Any, monkeypatch: pytest.MonkeyPatch
):
    upload = make_upload()
    for _ in range(40):
        make_document(upload)

    with django_assert_max_num_queries(8):
        assert len(rows(upload)) == 40


def test_an_upload_alone_can_be_exported_and_one_of_another_task_brings_nothing():
    document, other = make_document(external_id="mine"), make_document(external_id="other")

    assert [row["external_id"] for row in exports.rows(upload=document.upload)] == ["mine"]
    assert list(exports.rows(other.version.task, document.upload)) == []
    with pytest.raises(ValueError, match="a task or an upload"):
        list(exports.rows())


def test_since_brings_what_was_labeled_at_or_after_that_time():
    upload = make_upload(ready_at=at(0))
    for hour in (1, 2, 3):
        make_result(make_request(make_document(upload, external_id=f"{hour}")), created_at=at(hour))
    make_document(upload, external_id="waits")

    assert [row["external_id"] for row in exports.rows(upload=upload, since=at(2))] == ["2", "3"]


def test_a_copy_of_a_text_that_was_labeled_before_is_labeled_when_it_comes_in():
    version = new_version()
    make_result(make_request(make_document(make_upload(version, ready_at=at(0)), text="same")), created_at=at(1))
    make_document(make_upload(version, ready_at=at(5)), text="same", external_id="copy")

    [row] = exports.rows(version.task, since=at(4))

    assert (row["external_id"], row["source"], row["labeled_at"]) == ("copy", "copy", "2026-03-04T05:00:00.000000Z")


def test_since_finds_the_few_among_many_pages(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reading, "PAGE_IDS", 2)
    upload = make_upload(ready_at=at(0))
    for number in range(11):
        document = make_document(upload, external_id=f"{number}")
        if number in (5, 10):
            make_result(make_request(document), created_at=at(3))

    assert [row["external_id"] for row in exports.rows(upload=upload, since=at(3))] == ["5", "10"]


@pytest.mark.parametrize("format", [Format.CSV, Format.JSONL])
def test_a_stream_and_a_file_are_the_same(format: Format):
    upload = upload_of(NASTY)

    assert b"".join(exports.stream(format, upload=upload)) == written(format, upload)[0]


def test_json_lines_give_every_text_exactly_as_it_came_in():
    content, summary = written(Format.JSONL, upload_of((*NASTY, *FORMULAS)))

    lines = content.split(b"\n")
    assert lines.pop() == b""
    assert [orjson.loads(line)["text"] for line in lines] == [*NASTY, *FORMULAS]
    assert "emoji 🧾".encode() in content
    assert summary.documents == len(lines) == len(NASTY) + len(FORMULAS)


def test_json_lines_keep_the_order_of_the_columns_and_the_types_of_values():
    upload = make_upload(inspection={"columns": ["b", "text", "a", "big", "list", "none", "yes"]})
    values = {"a": 1.5, "b": -3, "big": 2**70 + 1, "list": [1, {"x": "ü"}], "none": None, "yes": True}
    make_document(upload, metadata=values)

    line = written(Format.JSONL, upload)[0]

    row = json.loads(line)
    assert list(row) == [*COLUMNS, "b", "a", "big", "list", "none", "yes"]
    assert {name: row[name] for name in values} == values
    assert (row["attempts"], row["input_tokens"], row["task_version"]) == (0, 0, 1)
    assert isinstance(row["list_cost_usd"], str)


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


def test_metadata_columns_are_those_of_all_documents_in_the_order_of_the_file():
    upload = make_upload(inspection={"columns": ["zone", "text", "channel", "absent"]})
    make_document(upload, metadata={"zone": "north", "channel": "mail"})
    make_document(upload, metadata={"late": {"a": "ü"}, "flag": False})

    header, first, second = read_csv(written(Format.CSV, upload)[0])

    assert header[len(COLUMNS) :] == ["zone", "channel", "flag", "late"]
    assert first[len(COLUMNS) :] == ["north", "mail", "", ""]
    assert second[len(COLUMNS) :] == ["", "", "false", '{"a": "ü"}']


@pytest.mark.parametrize("format", [Format.CSV, Format.JSONL])
def test_metadata_whose_name_is_taken_stands_beside_it_under_another_name(format: Format):
    upload = make_upload()
    make_document(upload, metadata={"label": "theirs", "source_label": "own", "state": "TX"})

    [row] = read_rows(format, written(format, upload)[0])

    assert (row["label"], row["state"]) == ("", "queued")
    assert row["source_label"] == "own"
    assert row["source_source_label"] == "theirs"
    assert row["source_state"] == "TX"


def test_metadata_beyond_the_most_columns_stands_together_in_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reading, "MOST_NAMES", 2)
    upload = make_upload(inspection={"columns": ["a", "b", "c", "d"]})
    make_document(upload, metadata={"a": 1, "b": 2, "c": 3, "state": "TX"})
    make_document(upload, metadata={"a": 4})

    first, second = read_rows(Format.CSV, written(Format.CSV, upload)[0])
    [line, _] = read_rows(Format.JSONL, written(Format.JSONL, upload)[0])

    assert len(first) == len(COLUMNS) + 3
    assert with_more(first) == {"a": "1", "b": "2", "c": "3", "state": "TX"}
    assert with_more(second) == {"a": "4"}
    assert (line["a"], line["b"], line["c"], line["source_state"]) == (1, 2, 3, "TX")


def test_an_export_of_nothing_is_a_header_or_an_empty_file():
    upload = make_upload()

    assert read_csv(written(Format.CSV, upload)[0]) == [list(COLUMNS)]
    assert written(Format.JSONL, upload) == (b"", exports.Summary())
    assert sheets(written(Format.XLSX, upload)[0]) == [[list(COLUMNS)]]


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


def test_your_file_with_labels_has_its_own_columns_in_their_order():
    upload = make_upload(
        file_name="questions.csv", inspection=inspection(["zone", "question", "nr", "category"], delimiter=";")
    )
    document = make_document(upload, text="=a;b", external_id="7", gold_label="blue", metadata={"zone": "north"})
    make_document(upload, text="second", metadata={"zone": "south"})
    make_result(make_request(document), answer="blue")

    lines = list(csv.reader(io.StringIO(b"".join(exports.original(upload)).decode(), newline=""), delimiter=";"))

    assert lines == [
        ["zone", "question", "nr", "category", "label", "state", "reason"],
        ["north", "'=a;b", "7", "blue", "blue", "labeled", ""],
        ["south", "second", "", "", "", "queued", ""],
    ]
    assert exports.original_name(upload) == "questions-labeled.csv"


def test_your_json_lines_with_labels_stay_json_lines_and_keep_their_own_label():
    upload = make_upload(
        file_name="a.b.jsonl", inspection=inspection(["state", "question", "nr", "category"], format="jsonl")
    )
    make_document(upload, text="one\u2028two", external_id="7", metadata={"state": "TX", "extra": [1]})
    make_document(upload, text="failed", state=DocumentState.FAILED, failure_reason=FailureReason.REFUSED)

    first, second = read_rows(Format.JSONL, b"".join(exports.original(upload)))

    assert list(first) == ["state", "question", "nr", "category", "extra", "label", "nightshift_state", "reason"]
    assert (first["state"], first["question"], first["extra"], first["nr"]) == ("TX", "one\u2028two", [1], "7")
    assert (first["nightshift_state"], second["nightshift_state"], second["reason"]) == ("queued", "failed", "refused")
    assert exports.original_name(upload) == "a.b-labeled.jsonl"


def test_lines_of_text_come_back_as_a_table():
    upload = make_upload(
        file_name="texts.txt", inspection={"columns": ["text"], "text_column": "text", "format": "txt"}
    )
    make_document(upload, text="one, two")

    assert read_csv(b"".join(exports.original(upload))) == [
        ["text", "label", "state", "reason"],
        ["one, two", "", "queued", ""],
    ]
    assert exports.original_name(upload) == "texts-labeled.csv"


class TestCommand:
    def test_it_writes_the_file_and_says_what_is_in_it(self, tmp_path: Path):
        task = labeled_task()
        file = tmp_path / "labels.jsonl"

        summary, words = export(task.slug, "--format", "jsonl", "--output", str(file))

        assert summary == {
            "task": task.slug,
            "documents": 2,
            "labeled": 1,
            "format": "jsonl",
            "file": str(file),
            "cells_cut": 0,
        }
        assert words == f"2 documents, 1 of them with a label, are in {file}.\n"
        assert [orjson.loads(line)["label"] for line in file.read_bytes().splitlines()] == ["red", ""]

    def test_an_existing_file_is_replaced_and_nothing_else_is_left(self, tmp_path: Path):
        file = tmp_path / "labels.csv"
        file.write_text("old")

        export(labeled_task().slug, "--format", "csv", "--output", str(file))

        assert len(read_csv(file.read_bytes())) == 3
        assert list(tmp_path.iterdir()) == [file]

    def test_a_file_is_kept_when_the_new_one_cannot_be_finished(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        file = tmp_path / "labels.xlsx"
        file.write_text("old")

        def full(*_: object) -> int:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(spreadsheet, "write", full)
        with pytest.raises(CommandError, match="could not be written: No space left on device") as fault:
            export(labeled_task().slug, "--format", "xlsx", "--output", str(file))

        assert fault.value.returncode == 1
        assert file.read_text() == "old"
        assert list(tmp_path.iterdir()) == [file]

    def test_a_link_is_followed(self, tmp_path: Path):
        (tmp_path / "there").mkdir()
        link = tmp_path / "link.csv"
        link.symlink_to(tmp_path / "there" / "labels.csv")

        export(labeled_task().slug, "--format", "csv", "--output", str(link))

        assert link.is_symlink()
        assert (tmp_path / "there" / "labels.csv").is_file()

    def test_cut_cells_are_said(self, tmp_path: Path):
        upload = upload_of(["x" * 40_000])

        summary, words = export(upload.version.task.slug, "--format", "xlsx", "--output", str(tmp_path / "a.xlsx"))

        assert summary["cells_cut"] == 1
        assert "1 cells were too long for a spreadsheet and were cut" in words

    def test_one_upload_and_a_time_can_be_chosen(self, tmp_path: Path):
        version = new_version()
        first, second = make_upload(version, ready_at=at(0)), make_upload(version, ready_at=at(0))
        for upload in (first, second):
            make_result(make_request(make_document(upload)), created_at=at(1))
            make_result(make_request(make_document(upload)), created_at=at(2))
        where = ("--format", "csv", "--output", str(tmp_path / "a.csv"))

        assert export(version.task.slug, "--upload", str(first.pk), *where)[0]["documents"] == 2
        assert export(version.task.slug, "--upload", f"U-{first.pk}", *where)[0]["documents"] == 2
        assert export(version.task.slug, "--since", "2026-03-04T02:00:00Z", *where)[0]["documents"] == 2
        assert export(version.task.slug, "--since", "2026-03-04T03:00:00+01:00", *where)[0]["documents"] == 2
        assert export(version.task.slug, "--since", "2026-03-05", *where)[0]["documents"] == 0

    def test_a_time_without_an_offset_is_in_the_zone_of_the_site(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("NIGHTSHIFT_TIME_ZONE", "Asia/Tokyo")
        upload = make_upload(ready_at=at(0))
        make_result(make_request(make_document(upload)), created_at=at(2))
        where = ("--format", "csv", "--output", str(tmp_path / "a.csv"))

        assert export(upload.version.task.slug, "--since", "2026-03-04T11:00", *where)[0]["documents"] == 1
        assert export(upload.version.task.slug, "--since", "2026-03-04T11:01", *where)[0]["documents"] == 0

    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            ({"task": "nobody"}, "There is no labeling task “nobody”. There are: colors."),
            ({"upload": "999999999"}, "There is no upload 999999999."),
            ({"upload": "x"}, "“x” is not the id of an upload"),
            ({"since": "yesterday"}, "“yesterday” is not a time"),
            ({"output": "/nowhere/at/all.csv"}, "There is no folder “/nowhere/at”."),
            ({"output": "/tmp"}, "“/tmp” is a folder; name a file."),
            ({"output": "/dev/null"}, "“/dev/null” is not a plain file; name a file."),
            ({"output": "/proc/labels.csv"}, "Nothing can be written to “/proc”"),
        ],
    )
    def test_what_cannot_be_done_gets_a_sentence_and_exit_code_2(
        self, change: dict[str, str], sentence: str, tmp_path: Path
    ):
        labeled_task(slug="colors")
        options = {"task": "colors", "format": "csv", "output": str(tmp_path / "a.csv"), **change}

        with pytest.raises(CommandError, match=sentence.replace(".", r"\.")) as refusal:
            call_command("export_labels", *(f"--{name}={value}" for name, value in options.items()))

        assert refusal.value.returncode == 2
        assert list(tmp_path.iterdir()) == []

    def test_an_upload_of_another_task_is_refused(self, tmp_path: Path):
        upload = make_upload()

        with pytest.raises(CommandError, match=f"Upload {upload.pk} belongs to the task") as refusal:
            export(labeled_task().slug, "--upload", str(upload.pk), "--format", "csv", "--output", str(tmp_path / "a"))

        assert refusal.value.returncode == 2


def at(hour: int) -> datetime:
    return datetime(2026, 3, 4, hour, tzinfo=UTC)


def rows(upload: Upload) -> list[dict[str, Any]]:
    return list(exports.rows(upload=upload))


def upload_of(texts: Any, metadata: dict[str, Any] | None = None) -> Upload:
    upload = make_upload()
    for text in texts:
        make_document(upload, text=text, metadata=metadata)
    return upload


def labeled_task(**columns: Any) -> LabelingTask:
    """Two documents, the first of them labeled red."""
    version = new_version(make_task(**columns))
    upload = make_upload(version)
    document, _ = make_document(upload), make_document(upload)
    make_result(make_request(document, batch=make_batch(version)), created_at=timezone.now() - timedelta(minutes=1))
    return version.task


def inspection(columns: list[str], *, format: str = "csv", delimiter: str = "") -> dict[str, Any]:
    return {
        "columns": columns,
        "text_column": "question",
        "id_column": "nr",
        "gold_column": "category",
        "format": format,
        "delimiter": delimiter,
    }


def written(format: Format, upload: Upload) -> tuple[bytes, exports.Summary]:
    file = io.BytesIO()
    summary = exports.write(file, format, upload=upload)
    return file.getvalue(), summary


def read_csv(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


def read_rows(format: Format, content: bytes) -> list[dict[str, Any]]:
    if format is Format.JSONL:
        return [orjson.loads(line) for line in content.split(b"\n") if line]
    header, *lines = read_csv(content)
    return [dict(zip(header, line, strict=True)) for line in lines]


def with_more(row: dict[str, str]) -> dict[str, str]:
    """The metadata of a row of CSV under its own names, from its columns and from the one for more."""
    columns = {name.removeprefix("source_"): cell for name, cell in list(row.items())[len(COLUMNS) : -1] if cell}
    return columns | {name: str(value) for name, value in json.loads(row["more_metadata"] or "{}").items()}


def sheets(content: bytes) -> list[list[list[Any]]]:
    workbook = load_workbook(io.BytesIO(content), read_only=True)
    return [[[cell.value for cell in row] for row in sheet.iter_rows()] for sheet in workbook.worksheets]


def export(slug: str, *arguments: str) -> tuple[dict[str, Any], str]:
    out, words = io.StringIO(), io.StringIO()
    call_command("export_labels", "--task", slug, *arguments, stdout=out, stderr=words)
    return json.loads(out.getvalue().splitlines()[-1]), words.getvalue()
