"""load_tasks: labeling tasks from a file."""

from pathlib import Path

import pytest

from labeling.models import Document, LabelingTask
from tests.commands.console import TASKS, Console

pytestmark = pytest.mark.usefixtures("house")


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
