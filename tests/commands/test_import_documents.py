"""import_documents: what comes in, and what is said of it."""

from pathlib import Path
from typing import Any

import pytest

from labeling import store, tasks
from labeling.models import Document, Upload
from labeling.pipeline import intake
from labeling.states import UploadState, Way
from tests.commands.console import Console
from tests.pipeline.story import a_version

pytestmark = pytest.mark.usefixtures("house")


@pytest.mark.parametrize(
    ("name", "content", "more", "words"),
    [
        ("missing.csv", None, [], "No such file"),
        (".", None, [], "Is a directory"),
        ("x.csv", b"", [], "empty"),
        ("x.csv", b"a,b\n1,2\n", [], "which column holds the text"),
        ("x.csv", b"text,b\n1,2\n", ["--text-column", "words"], "no column “words”"),
        ("x.csv", b"text,b\n1,2\n", ["--gold-column", "words"], "no column “words”"),
        ("x.csv", b"text,b\n1,2\n", ["--task", "nothing"], "no labeling task 'nothing'"),
        ("x.pdf", b"%PDF-1.7 \x00\x01", [], "PDF"),
    ],
)
def test_a_file_with_which_nothing_can_be_done_ends_with_2(
    console: Console, tmp_path: Path, name: str, content: bytes | None, more: list[str], words: str
) -> None:
    a_version()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    found = console("import_documents", tmp_path / name, "--task", "colors", *more)
    assert (found.code, found.out) == (2, "")
    assert words in found.err
    assert not Document.objects.exists()
    assert not Upload.objects.exclude(state=UploadState.DISCARDED).exists()


def test_a_file_of_refused_rows_is_a_success(console: Console, tmp_path: Path) -> None:
    a_version()
    (tmp_path / "x.jsonl").write_text('{"text": 1}\n{"text": null}\n{"text": " "}\n')
    found = console("import_documents", tmp_path / "x.jsonl", "--task", "colors")
    assert (found.code, found.summary["accepted"], found.summary["rejected"]) == (0, 0, 3)


@pytest.mark.parametrize(
    ("more", "way"),
    [
        ([], Way.TONIGHT),
        (["--leave", "now"], Way.NOW),
        (["--lane", "urgent"], Way.URGENT),
        (["--lane", "batch"], Way.TONIGHT),
    ],
)
def test_the_way_is_what_the_options_say(console: Console, five_rows: Path, more: list[str], way: Way) -> None:
    a_version()
    console("import_documents", five_rows, "--task", "colors", *more)
    assert set(Document.objects.values_list("way", flat=True)) == {way}


def test_the_same_file_again_is_said_and_not_refused(console: Console, five_rows: Path) -> None:
    a_version()
    first = console("import_documents", five_rows, "--task", "colors")
    second = console("import_documents", five_rows, "--task", "colors")
    assert (second.code, second.summary["duplicates"]) == (0, 4)
    assert f"came in before, as U-{first.summary['upload']}" in second.err


def test_no_tick_gives_the_import_of_a_command_to_a_worker(
    console: Console, monkeypatch: pytest.MonkeyPatch, five_rows: Path
) -> None:
    a_version()
    import_rows, handed_out = intake.import_rows, list[int]()

    def tick_first(upload: Upload, settings: Any) -> bool:
        handed_out.append(tasks.hand_out())
        return import_rows(upload, settings)

    monkeypatch.setattr(intake, "import_rows", tick_first)
    assert console("import_documents", five_rows, "--task", "colors").code == 0
    assert handed_out == [0]


def test_without_a_header_the_columns_are_numbered(console: Console, tmp_path: Path) -> None:
    a_version()
    (tmp_path / "x.csv").write_text("1,the first\n2,the second\n")
    found = console(
        "import_documents", tmp_path / "x.csv", "--task", "colors", "--no-header", "--text-column", "column_2"
    )
    assert (found.code, found.summary["accepted"]) == (0, 2)
    assert "header" not in found.err


def test_a_low_disk_is_told_and_ends_with_1(console: Console, monkeypatch: pytest.MonkeyPatch, five_rows: Path) -> None:
    a_version()
    monkeypatch.setenv("NIGHTSHIFT_MIN_FREE_BYTES", str(10**18))
    found = console("import_documents", five_rows, "--task", "colors")
    assert found.code == 1
    assert "bytes of disk are free" in found.err


def test_a_disk_that_is_full_is_not_blamed_on_the_file(
    console: Console, monkeypatch: pytest.MonkeyPatch, five_rows: Path
) -> None:
    a_version()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "keep", full)
    found = console("import_documents", five_rows, "--task", "colors")
    assert found.code == 1
    assert "No space left on device" in found.err
    assert f"{five_rows} cannot be read" not in found.err


def test_a_name_with_an_option_that_is_missing_gets_the_usage(console: Console, five_rows: Path) -> None:
    found = console("import_documents", five_rows)
    assert found.code == 2
    assert "--task" in found.err
