"""Commands on real rows, with the API in memory or on the sandbox.

A conftest may be loaded before Django is set up, so models are imported where they are used.
"""

import threading
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.commands.console import FIVE_ROWS, TASKS, Console
from tests.pipeline.conftest import db, fake, house, quick_commits, transactional_db  # noqa: F401  fixtures


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
    monkeypatch.setattr("labeling.management.commands.run_pipeline.ensure_sandbox", nullcontext)


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
