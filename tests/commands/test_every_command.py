"""The table of every command: what it refuses, with which exit code and which words. A new command gets a row here."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from batchsite.environment import CHECKOUT
from tests.commands.console import Console
from tests.factories import make_document, make_task, make_upload, make_version

OURS = ("labeling", "batchsite")


@dataclass(frozen=True)
class Refusal:
    argv: tuple[str, ...]
    code: int
    words: str


TABLE = {
    "backup": (
        Refusal((), 2, "Name the file to write"),
        Refusal(("{tmp}/none/x.backup",), 2, "cannot be written"),
        Refusal(("--verify", "{tmp}/x.backup"), 2, "cannot be read"),
    ),
    "devdb": (Refusal(("sideways",), 2, "invalid choice"),),
    "doctor": (Refusal(("--quietly",), 2, "unrecognized arguments"),),
    "erase_documents": (
        Refusal(("{tmp}/none.txt",), 2, "--reason"),
        Refusal(("{tmp}/none.txt", "--reason", "asked for"), 2, "cannot be read"),
    ),
    "export_labels": (
        Refusal(("--task", "none", "--format", "csv", "--output", "{tmp}/x.csv"), 2, "no labeling task"),
        Refusal(("--task", "colors", "--format", "exe", "--output", "{tmp}/x.exe"), 2, "invalid choice"),
        Refusal(("--task", "colors", "--format", "csv", "--output", "{tmp}/none/x.csv"), 2, "no folder"),
    ),
    "import_documents": (
        Refusal(("{tmp}/none.csv", "--task", "colors"), 2, "cannot be read"),
        Refusal(("{tmp}", "--task", "colors"), 2, "cannot be read"),
        Refusal(("{tmp}/none.csv",), 2, "--task"),
    ),
    "load_tasks": (Refusal(("{tmp}/none.toml",), 2, "cannot be read"),),
    "metronome": tuple(Refusal(("--every", text), 2, "no number of seconds") for text in ("0", "-1", "nan", "inf")),
    "notify": (Refusal(("--test",), 2, "No address is set"),),
    "pause": (Refusal((), 2, "--reason"), Refusal(("--reason", " "), 2, "reason")),
    "restore": (Refusal(("{tmp}/none.backup",), 2, "Nothing was changed"),),
    "resume": (Refusal(("--now",), 2, "unrecognized arguments"),),
    "run_pipeline": tuple(
        Refusal(("--until-idle", "--timeout", text), 2, "no number of seconds") for text in ("0", "-1", "nan", "x")
    ),
    "seed_documents": (
        Refusal((), 2, "not empty"),
        Refusal(("--documents", "-5"), 2, "no number from 1 on"),
        Refusal(("--batches", "9" * 5000), 2, "no number from 1 on"),
    ),
    "settle_restore": (Refusal(("many",), 2, "invalid int value"),),
    "status": (Refusal(("--xml",), 2, "unrecognized arguments"),),
    "verify_batch": (Refusal(("B-999999",), 2, "B-999999"), Refusal(("batch",), 2, "batch")),
    "watchdog": (
        Refusal((), 1, "belongs to a running installation"),
        Refusal(("--every", "0"), 2, "no number of seconds"),
    ),
}
NAMES = sorted(TABLE)


def test_every_command_is_in_the_table_and_nothing_else_is() -> None:
    assert sorted(name for name, app in get_commands().items() if app in OURS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_command_says_what_it_is_for(name: str) -> None:
    sentence = load_command_class(get_commands()[name], name).help
    assert re.fullmatch(r"[A-Z].{18,}\.", sentence)


@pytest.mark.parametrize("name", NAMES)
def test_a_command_is_in_the_handbook_with_each_of_its_options(name: str) -> None:
    handbook = (CHECKOUT / "docs" / "operations.md").read_text("utf-8")
    parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
    own = [option for action in parser._actions for option in action.option_strings if option.startswith("--")]
    inherited = {"--help", "--version", "--verbosity", "--settings", "--pythonpath", "--traceback", "--no-color"}
    inherited |= {"--force-color", "--skip-checks"}
    assert re.search(rf"`?\b{name}\b", handbook)
    assert [option for option in own if option not in inherited and option not in handbook] == []


@pytest.mark.usefixtures("db")
@pytest.mark.parametrize("name", NAMES)
def test_a_command_refuses_with_a_sentence_and_an_exit_code(console: Console, tmp_path: Path, name: str) -> None:
    make_document(make_upload(make_version(make_task(slug="colors"))))
    for refusal in TABLE[name]:
        found = console(name, *(word.format(tmp=tmp_path) for word in refusal.argv))
        assert (found.code, found.out) == (refusal.code, ""), refusal
        assert refusal.words in found.err, refusal
        assert list(tmp_path.iterdir()) == []
