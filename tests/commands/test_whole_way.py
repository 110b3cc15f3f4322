"""From a file to labels by commands alone, on the sandbox."""

import json
from pathlib import Path

import pytest

from batchsite.api_address import sandbox_url
from batchsite.environment import read_environment
from batchsite.sandbox import is_answering
from labeling.models import Upload
from tests.commands.console import Console

pytestmark = pytest.mark.usefixtures("house")


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


def _sandbox_answers() -> bool:
    return is_answering(sandbox_url(read_environment().home))
