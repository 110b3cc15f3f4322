"""The command line in this process, and what it is given."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from batchsite import command_line

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
