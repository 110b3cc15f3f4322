"""Real processes of run_pipeline: two at once, and one that is killed."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from batchsite.api_address import sandbox_url
from batchsite.environment import CHECKOUT, read_environment
from batchsite.sandbox import ensure_sandbox
from labeling.models import Batch, Document
from labeling.states import BatchState, DocumentState
from tests.commands.console import Console
from tests.pipeline.story import a_version, states

pytestmark = pytest.mark.usefixtures("house")


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
