"""The command export_labels."""

import io
import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.core.management import CommandError, call_command

from labeling.exports import spreadsheet
from tests.exports.samples import at, labeled_task, read_csv, upload_of
from tests.factories import make_document, make_request, make_result, make_upload, make_version

pytestmark = pytest.mark.django_db


def test_it_writes_the_file_and_says_what_is_in_it(tmp_path: Path):
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


def test_an_existing_file_is_replaced_and_nothing_else_is_left(tmp_path: Path):
    file = tmp_path / "labels.csv"
    file.write_text("old")

    export(labeled_task().slug, "--format", "csv", "--output", str(file))

    assert len(read_csv(file.read_bytes())) == 3
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_is_kept_when_the_new_one_cannot_be_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
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


def test_a_link_is_followed(tmp_path: Path):
    (tmp_path / "there").mkdir()
    link = tmp_path / "link.csv"
    link.symlink_to(tmp_path / "there" / "labels.csv")

    export(labeled_task().slug, "--format", "csv", "--output", str(link))

    assert link.is_symlink()
    assert (tmp_path / "there" / "labels.csv").is_file()


def test_cut_cells_are_said(tmp_path: Path):
    upload = upload_of(["x" * 40_000])

    summary, words = export(upload.version.task.slug, "--format", "xlsx", "--output", str(tmp_path / "a.xlsx"))

    assert summary["cells_cut"] == 1
    assert "1 cells were too long for a spreadsheet and were cut" in words


def test_one_upload_and_a_time_can_be_chosen(tmp_path: Path):
    version = make_version()
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


def test_a_time_without_an_offset_is_in_the_zone_of_the_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
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
def test_what_cannot_be_done_gets_a_sentence_and_exit_code_2(change: dict[str, str], sentence: str, tmp_path: Path):
    labeled_task(slug="colors")
    options = {"task": "colors", "format": "csv", "output": str(tmp_path / "a.csv"), **change}

    with pytest.raises(CommandError, match=sentence.replace(".", r"\.")) as refusal:
        call_command("export_labels", *(f"--{name}={value}" for name, value in options.items()))

    assert refusal.value.returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_an_upload_of_another_task_is_refused(tmp_path: Path):
    upload = make_upload()

    with pytest.raises(CommandError, match=f"Upload {upload.pk} belongs to the task") as refusal:
        export(labeled_task().slug, "--upload", str(upload.pk), "--format", "csv", "--output", str(tmp_path / "a"))

    assert refusal.value.returncode == 2


def export(slug: str, *arguments: str) -> tuple[dict[str, Any], str]:
    out, words = io.StringIO(), io.StringIO()
    call_command("export_labels", "--task", slug, *arguments, stdout=out, stderr=words)
    return json.loads(out.getvalue().splitlines()[-1]), words.getvalue()
