"""A sandbox as a real process."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.process import SandboxProcess, running_sandbox, start_sandbox
from tests.sandbox.caller import HOUR, SECONDS_PER_BATCH, Caller


@pytest.fixture(scope="session")
def shared_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    """For tests that leave its clock and switches alone."""
    folder = tmp_path_factory.mktemp("shared")
    with running_sandbox(folder, seconds_per_batch=SECONDS_PER_BATCH, seconds_per_message=0) as sandbox:
        yield sandbox
        assert sandbox.log_file.read_text() == ""


@pytest.fixture
def caller(shared_sandbox: SandboxProcess) -> Caller:
    return Caller(shared_sandbox.url)


@pytest.fixture(scope="session")
def slow_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    """A batch takes an hour of a clock that only the tests move: nothing ends behind their back."""
    folder = tmp_path_factory.mktemp("slow")
    with running_sandbox(folder, seconds_per_batch=HOUR, seconds_per_message=0) as sandbox:
        yield sandbox
        assert sandbox.log_file.read_text() == ""


@pytest.fixture
def slow(slow_sandbox: SandboxProcess) -> Caller:
    return Caller(slow_sandbox.url)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., SandboxProcess]]:
    """Start a sandbox of the test's own, on the same folder each time; all of them are ended afterwards."""
    started: list[SandboxProcess] = []

    def start_one(**options: Any) -> SandboxProcess:
        options = {"seconds_per_batch": SECONDS_PER_BATCH, "seconds_per_message": 0, **options}
        started.append(start_sandbox(tmp_path / "state", **options))
        return started[-1]

    yield start_one
    for sandbox in started:
        sandbox.stop()
