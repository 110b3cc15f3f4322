"""The operator commands: the last line of standard output is JSON, words go to standard error, exit codes tell."""

# ruff: noqa: F811  fixtures come by import, and a test names them as parameters

import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from batchsite import command_line
from batchsite.api_address import sandbox_url
from batchsite.environment import CHECKOUT, read_environment
from batchsite.sandbox import ensure_sandbox, is_answering
from labeling import store, tasks
from labeling.batch_api import Fault
from labeling.management.commands import run_pipeline
from labeling.models import Batch, Document, DocumentText, LabelingTask, Upload
from labeling.pipeline import conductor, intake
from labeling.states import BatchState, DocumentState, UploadState, Way
from tests.factories import make_workers_well
from tests.fake_api import FakeApi
from tests.pipeline.conftest import House, db, fake, house, quick_commits, transactional_db  # noqa: F401  fixtures
from tests.pipeline.story import a_version, brought_in, built, played, states

pytestmark = pytest.mark.usefixtures("house")

TASKS = """
[[task]]
slug = "colors"
name = "Colors"
kind = "classify"
instructions = "Name the color."
model = "claude-haiku-4-5"
max_tokens = 64
labels = ["red", {name = "green", description = "like grass"}, "blue"]

[[task]]
slug = "amounts"
kind = "extract"
instructions = "Find the amount."
model = "claude-haiku-4-5"
schema = '{"type": "object", "properties": {"amount": {"type": "number"}}, "required": ["amount"]}'

[[task]]
slug = "summary"
kind = "transform"
instructions = "One sentence."
model = "claude-haiku-4-5"
"""
FIVE_ROWS = (
    "id,text,category\n1,the red one,red\n2,the green one,green\n3,   ,blue\n4,the red one,red\n5,the blue one,blue\n"
)


@dataclass
class Outcome:
    code: int
    out: str
    err: str

    @property
    def summary(self) -> dict[str, Any]:
        last: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return last


class Console:
    """Runs `manage.py` in this process, exactly as the file does."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *argv: object) -> Outcome:
        self._capsys.readouterr()
        try:
            code = command_line.run(["manage.py", *map(str, argv)])
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = self._capsys.readouterr()
        assert "Traceback" not in err
        return Outcome(code, out, err)


@pytest.fixture
def console(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Console:
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    monkeypatch.setenv("NIGHTSHIFT_POLL_SECONDS", "0.05")
    monkeypatch.setenv("NIGHTSHIFT_MIN_FREE_BYTES", "0")
    monkeypatch.setenv("SANDBOX_SECONDS_PER_BATCH", "0.2")
    monkeypatch.setenv("SANDBOX_SECONDS_PER_MESSAGE", "0.01")
    return Console(capsys)


@pytest.fixture
def no_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    """The API in memory needs no process."""
    monkeypatch.setattr(run_pipeline, "ensure_sandbox", nullcontext)


@pytest.fixture
def tasks_file(tmp_path: Path) -> Path:
    path = tmp_path / "tasks.toml"
    path.write_text(TASKS)
    return path


@pytest.fixture
def five_rows(tmp_path: Path) -> Path:
    path = tmp_path / "five.csv"
    path.write_text(FIVE_ROWS)
    return path


# The whole way


def test_a_file_of_five_rows_goes_the_whole_way_on_the_sandbox(
    console: Console, tasks_file: Path, five_rows: Path, tmp_path: Path
) -> None:
    assert console("load_tasks", tasks_file).summary == {
        "created": 3, "versioned": 0, "unchanged": 0, "waiting_on_old": 0,
    }  # fmt: skip
    imported = console(
        "import_documents", five_rows, "--task", "colors", "--id-column", "id", "--gold-column", "category"
    )
    assert imported.code == 0
    assert imported.summary == {
        "upload": Upload.objects.get().pk,
        "rows": 5,
        "accepted": 4,
        "rejected": 1,
        "duplicates": 1,
    }
    assert "Line 1 was taken for the header: id,text,category" in imported.err
    ran = console("run_pipeline", "--until-idle", "--timeout", "60")
    assert (ran.code, ran.summary["labeled"]) == (0, 4)
    output = tmp_path / "labels.jsonl"
    exported = console("export_labels", "--task", "colors", "--format", "jsonl", "--output", output)
    assert exported.code == 0
    assert (exported.summary["documents"], exported.summary["labeled"]) == (4, 4)
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert [(row["external_id"], row["text"], row["label"]) for row in rows] == [
        ("1", "the red one", "red"),
        ("2", "the green one", "green"),
        ("4", "the red one", "red"),
        ("5", "the blue one", "blue"),
    ]
    numbers = console("status", "--json").summary
    assert numbers["documents"] == {"queued": 0, "batched": 0, "labeled": 4, "failed": 0, "withdrawn": 0}
    assert all(identity["holds"] for identity in numbers["ledger"])
    assert not _sandbox_answers()


def test_urgent_documents_go_the_whole_way_on_the_sandbox(console: Console, tasks_file: Path, five_rows: Path) -> None:
    console("load_tasks", tasks_file)
    console("import_documents", five_rows, "--task", "amounts", "--lane", "urgent")
    assert console("run_pipeline", "--until-idle", "--timeout", "60").summary["labeled"] == 4
    money = console("status", "--json").summary["money"]
    assert money["list_usd"] == money["paid_usd"]
    assert float(money["paid_usd"]) > 0


@pytest.fixture
def environment(process_environment: dict[str, str], console: Console) -> dict[str, str]:
    """The rows of this test, and the settings of its console."""
    return {**os.environ, "DATABASE_URL": process_environment["DATABASE_URL"]}


def start(environment: dict[str, str], *argv: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "manage.py", *map(str, argv)],
        cwd=CHECKOUT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def sandbox(environment: dict[str, str]) -> Iterator[str]:
    """A sandbox that stays while the test runs, so that its account can be read."""
    with ensure_sandbox():
        yield sandbox_url(read_environment().home)


def account_of(sandbox: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{sandbox}/sandbox/account", timeout=10) as answer:
        found: dict[str, Any] = json.loads(answer.read())
    return found


def test_two_pipelines_at_once_are_harmless(
    console: Console, environment: dict[str, str], sandbox: str, tmp_path: Path
) -> None:
    version = a_version()
    file = tmp_path / "many.txt"
    file.write_text("".join(f"the red one number {n}\n" for n in range(300)))
    before = account_of(sandbox)
    assert console("import_documents", file, "--task", "colors", "--leave", "now").summary["accepted"] == 300
    small = {**environment, "NIGHTSHIFT_BATCH_REQUESTS": "40", "NIGHTSHIFT_CANARY": "off"}
    running = [start(small, "run_pipeline", "--until-idle", "--timeout", "90") for _ in range(2)]
    for process in running:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert json.loads(out.splitlines()[-1])["labeled"] == 300
        assert "Traceback" not in err
    after = account_of(sandbox)
    assert after["requests_accepted"] - before["requests_accepted"] == 300
    assert after["charged_more_than_once"] == before["charged_more_than_once"]
    assert Batch.objects.count() == 8
    assert Document.objects.filter(version=version, state=DocumentState.LABELED, attempts=1).count() == 300


def test_a_pipeline_that_is_killed_leaves_nothing_that_the_next_one_cannot_finish(
    console: Console, environment: dict[str, str], sandbox: str, tmp_path: Path
) -> None:
    a_version()
    file = tmp_path / "some.txt"
    file.write_text("".join(f"the blue one number {n}\n" for n in range(60)))
    console("import_documents", file, "--task", "colors", "--leave", "now")
    before = account_of(sandbox)
    killed = start({**environment, "NIGHTSHIFT_BATCH_REQUESTS": "7"}, "run_pipeline", "--until-idle")
    deadline = time.monotonic() + 30
    while not Batch.objects.filter(state=BatchState.IN_PROGRESS).exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    killed.kill()
    killed.communicate()
    # The sender of the moment may be dead: its batch would wait for its deadline, and for a person.
    assert Batch.objects.filter(state=BatchState.SUBMITTING).count() <= 1
    Batch.objects.filter(state=BatchState.SUBMITTING).update(deadline=timezone.now() - timedelta(hours=1))
    ran = console("run_pipeline", "--until-idle", "--timeout", "20")
    assert ran.code in (0, 3)
    after = account_of(sandbox)
    assert after["charged_more_than_once"] == before["charged_more_than_once"]
    frozen = sum(batch.request_total for batch in Batch.objects.doubtful())
    assert states().get(DocumentState.LABELED, 0) == 60 - frozen


def _sandbox_answers() -> bool:
    return is_answering(sandbox_url(read_environment().home))


# load_tasks


def test_a_changed_task_becomes_a_version_and_what_waits_keeps_the_old_one(
    console: Console, tasks_file: Path, five_rows: Path
) -> None:
    console("load_tasks", tasks_file)
    console("import_documents", five_rows, "--task", "colors")
    assert console("load_tasks", tasks_file).summary == {
        "created": 0, "versioned": 0, "unchanged": 3, "waiting_on_old": 0,
    }  # fmt: skip
    tasks_file.write_text(TASKS.replace("Name the color.", "Name the main color."))
    assert console("load_tasks", tasks_file).summary == {
        "created": 0, "versioned": 1, "unchanged": 2, "waiting_on_old": 4,
    }  # fmt: skip
    assert set(Document.objects.values_list("version__number", flat=True)) == {1}
    console("import_documents", five_rows, "--task", "colors")
    assert Document.objects.filter(version__number=2).count() == 4


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("not toml at all [", "is not valid TOML"),
        ("x = 1", "has no [[task]] table"),
        ('[[task]]\nslug = "a b"', "needs a slug"),
        ('[[task]]\nslug = "a"\nkind = "guess"', "kind must be one of"),
        ('[[task]]\nslug = "a"\nkind = "classify"\ninstructions = "x"\nmodel = "m"', "needs labels"),
        (
            '[[task]]\nslug = "a"\nkind = "classify"\ninstructions = "x"\nmodel = "m"\nlabels = ["r", "R"]',
            "upper and lower",
        ),
        (
            TASKS + '[[task]]\nslug = "colors"\nkind = "transform"\ninstructions = "x"\nmodel = "m"',
            "two tasks with the slug",
        ),
        (
            TASKS + '[[task]]\nslug = "z"\nkind = "transform"\ninstructions = "x"\nmodel = "m"\nmax_tokens = 0',
            "at least 1",
        ),
        (
            '[[task]]\nslug = "a"\nkind = "classify"\ninstructions = "x"\nmodel = "m"\nlabels_file = "no.json"',
            "cannot be read",
        ),
    ],
)
def test_a_task_file_that_cannot_be_used_changes_nothing_and_ends_with_2(
    console: Console, tmp_path: Path, content: str, words: str
) -> None:
    path = tmp_path / "tasks.toml"
    path.write_text(content)
    found = console("load_tasks", path)
    assert found.code == 2
    assert words in found.err
    assert not LabelingTask.objects.exists()


@pytest.mark.parametrize("name", ["missing.toml", "."])
def test_a_task_file_that_is_not_there_ends_with_2(console: Console, tmp_path: Path, name: str) -> None:
    found = console("load_tasks", tmp_path / name)
    assert found.code == 2
    assert "cannot be read" in found.err


# import_documents


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


# run_pipeline


@pytest.mark.usefixtures("no_sandbox")
def test_one_pass_ends_with_0_and_obeys_the_hour(console: Console, fake: FakeApi, five_rows: Path) -> None:
    a_version()
    console("import_documents", five_rows, "--task", "colors")
    found = console("run_pipeline")
    assert (found.code, found.summary["queued"]) == (0, 4)
    assert fake.called("create_batch") == []


@pytest.mark.usefixtures("no_sandbox")
def test_a_run_whose_time_is_over_ends_with_3(console: Console, fake: FakeApi, five_rows: Path) -> None:
    a_version()
    console("import_documents", five_rows, "--task", "colors")
    found = console("run_pipeline", "--until-idle", "--timeout", "0.2")
    assert (found.code, found.summary["batched"]) == (3, 3)
    assert "The time was over" in found.err


@pytest.mark.usefixtures("no_sandbox")
def test_a_refusal_ends_with_1_and_is_named(console: Console, fake: FakeApi, five_rows: Path) -> None:
    a_version()
    console("import_documents", five_rows, "--task", "colors")
    fake.fail("create_batch", Fault.PERMANENT, "Your credit is used up.", status=402)
    found = console("run_pipeline", "--until-idle", "--timeout", "20")
    assert (found.code, found.summary["queued"]) == (1, 4)
    assert "Your credit is used up." in found.err
    assert console("status", "--json").summary["paused"][0]["kind"] == "refusal"


@pytest.mark.usefixtures("no_sandbox")
def test_what_a_person_paused_ends_with_0_and_is_named(console: Console, fake: FakeApi, five_rows: Path) -> None:
    a_version()
    console("import_documents", five_rows, "--task", "colors")
    assert console("pause", "--reason", "the model is being changed").summary["paused"]
    found = console("run_pipeline", "--until-idle", "--timeout", "20")
    assert (found.code, found.summary["queued"]) == (0, 4)
    assert "the model is being changed" in found.err
    assert fake.called("create_batch") == []


@pytest.mark.usefixtures("no_sandbox")
def test_what_nobody_foresaw_is_a_sentence_and_the_trace_is_in_the_log(
    console: Console,
    fake: FakeApi,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def break_down(*_: Any, **__: Any) -> None:
        raise RuntimeError("the unforeseen")

    monkeypatch.setattr(conductor, "run_pass", break_down)
    found = console("run_pipeline")
    assert (found.code, len(found.err.splitlines())) == (1, 1)
    assert "RuntimeError: the unforeseen" in found.err
    logs = read_environment().home / "logs"
    assert any("the unforeseen" in file.read_text() for file in logs.glob("*") if file.is_file())


# The others


def test_pausing_twice_keeps_the_first_reason_and_resuming_tells_it(console: Console) -> None:
    first = console("pause", "--reason", "lunch")
    again = console("pause", "--reason", "later")
    assert (first.summary["changed"], again.summary["changed"]) == (True, False)
    assert [gate["reason"] for gate in console("status", "--json").summary["paused"]] == ["lunch"]
    resumed = console("resume")
    assert (resumed.summary["paused"], resumed.summary["changed"]) == (False, True)
    assert "lunch" in resumed.err
    assert console("resume").summary["changed"] is False


def test_resume_names_what_leaves_before_it_leaves_and_may_only_say_it(console: Console) -> None:
    brought_in(a_version(), ["a", "b"])
    console("pause", "--reason", "lunch")
    asked = console("resume", "--dry-run")
    assert (asked.summary["paused"], asked.summary["changed"]) == (True, False)
    assert asked.summary["leaves"]["documents"] == asked.summary["leaves"]["at_once"] == 2
    assert "Then 2 documents at once in new batches. That costs" in asked.err
    resumed = console("resume")
    assert resumed.err.index("Then 2 documents") < resumed.err.index("leaves again")
    assert resumed.summary["changed"]


def test_a_pause_wants_a_reason(console: Console) -> None:
    assert console("pause").code == 2
    assert console("pause", "--reason", "  ").code == 2


def test_status_has_the_numbers_that_other_programs_read(console: Console) -> None:
    found = console("status", "--json")
    assert (found.code, found.err, len(found.out.splitlines())) == (0, "", 1)
    numbers = found.summary
    assert set(numbers) >= {
        "documents", "batches", "requests", "money", "ledger", "waiting", "doubtful_submissions", "cluster", "paused",
    }  # fmt: skip
    assert set(numbers["money"]) >= {"list_usd", "paid_usd", "saved_usd", "unpriced_results"}
    assert {"open", "missing", "succeeded", "errored", "canceled", "expired"} <= set(numbers["requests"])
    assert set(numbers["ledger"][0]) == {"name", "left", "right", "holds"}
    assert set(numbers["cluster"]) >= {"alive", "last_beat"}
    assert "The book balances." in console("status").err


def test_what_was_sent_is_compared_by_a_command(console: Console, fake: FakeApi) -> None:
    brought_in(a_version(), ["a", "b"])
    (batch,) = played(fake)
    outcome = console("verify_batch", str(batch))
    assert outcome.code == 0
    assert outcome.summary["equal"] == outcome.summary["batches"] == 1
    DocumentText.objects.filter(text="a").update(text="changed since")
    outcome = console("verify_batch")
    assert (outcome.code, outcome.summary["differ"]) == (1, [str(batch)])


@pytest.mark.parametrize("name", ["B-999999", "batch", "12x"])
def test_a_batch_that_is_not_there_is_not_compared(console: Console, db: None, name: str) -> None:
    assert console("verify_batch", name).code == 2


def test_doctor_names_each_fault_and_ends_with_1(console: Console) -> None:
    a_version(model="claude-of-tomorrow")
    found = console("doctor")
    assert found.code == 1
    assert "The price of claude-of-tomorrow is not known" in found.err
    assert "No worker" in found.err
    assert found.summary["faults"] == len(found.err.strip().splitlines())


def test_doctor_finds_nothing_where_all_is_well(console: Console) -> None:
    make_workers_well()
    found = console("doctor")
    assert (found.code, found.summary) == (0, {"faults": 0}), found.err


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--task", "nothing"], "no labeling task"),
        (["--task", "colors", "--upload", "999999"], "no upload 999999"),
        (["--task", "colors", "--upload", "seven"], "is not the id of an upload"),
        (["--task", "colors", "--since", "yesterday"], "is not a time"),
        (["--task", "colors", "--output", "/no/such/folder/x.csv"], "no folder"),
    ],
)
def test_an_export_of_what_is_not_there_ends_with_2(
    console: Console, tmp_path: Path, argv: list[str], words: str
) -> None:
    a_version()
    found = console("export_labels", "--format", "csv", "--output", tmp_path / "x.csv", *argv)
    assert found.code == 2
    assert words in found.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", [["status", "--json"], ["run_pipeline"], ["doctor"]])
def test_a_setting_that_cannot_be_read_ends_with_2_and_its_name(
    console: Console, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_TIME_ZONE", "Atlantis/Capital")
    found = console(*command)
    assert found.code == 2
    assert "NIGHTSHIFT_TIME_ZONE='Atlantis/Capital'" in found.err


@pytest.mark.usefixtures("no_sandbox")
def test_a_request_total_that_no_body_has_is_never_sent(console: Console, fake: FakeApi, house: House) -> None:
    brought_in(a_version(), ["a", "b"])
    (batch,) = built()
    Batch.objects.filter(pk=batch.pk).update(request_total=3)
    house.balances = False
    assert console("run_pipeline").code == 1
    assert fake.called("create_batch") == []
