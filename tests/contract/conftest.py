"""The real module pointed at a server of the test, and the two APIs that must behave alike."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from batchsite.api_address import ApiAddress
from labeling import batch_api
from labeling.batch_api import clients
from labeling.messages import prompts
from labeling.messages.prompts import Label, Spec
from labeling.states import Kind
from sandbox.process import running_sandbox
from tests.fake_api import FakeApi

SPEC = Spec(Kind.CLASSIFY, "Sort the mail.", (Label("billing"), Label("bug")), model="claude-haiku-5-5", max_tokens=100)
KEY = "sk-test-very-secret"


@pytest.fixture
def point_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Make the real module call a server on loopback."""

    def point(url: str, key: str = KEY) -> None:
        assert "//127.0.0.1:" in url
        monkeypatch.setattr(clients, "api_address", lambda: ApiAddress(url, key, is_sandbox=False))

    return point


@dataclass
class Scene:
    """One of the APIs that must behave alike, and a way to wait for the end of a batch."""

    name: str
    wait_for_end: Callable[[str], None]
    folder: Path
    bodies: int = field(default=0)

    def body(self, *requests: tuple[str, str], spec: Spec = SPEC) -> Path:
        """A spooled request body of (custom_id, text) pairs."""
        self.bodies += 1
        path = self.folder / f"body-{self.bodies}.json"
        return write_body(path, *requests, spec=spec)


def write_body(path: Path, *requests: tuple[str, str], spec: Spec = SPEC) -> Path:
    entries: list[dict[str, Any]] = [
        {"custom_id": custom_id, "params": prompts.params(spec, text)} for custom_id, text in requests
    ]
    path.write_bytes(orjson.dumps({"requests": entries}))
    return path


def in_seconds(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


@pytest.fixture(scope="session")
def sandbox_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A sandbox process whose batches take long enough to be seen in progress."""
    with running_sandbox(tmp_path_factory.mktemp("sandbox"), seconds_per_batch=0.5) as sandbox:
        yield sandbox.url


@pytest.fixture(params=["fake", "sandbox"])
def scene(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    point_at: Callable[..., None],
) -> Scene:
    """The functions of `labeling.batch_api`, in memory and over HTTP, with an empty workspace."""
    if request.param == "fake":
        fake = FakeApi().install(monkeypatch)
        return Scene("fake", fake.end, tmp_path)
    # Each key is a workspace of its own.
    point_at(request.getfixturevalue("sandbox_url"), f"key-{tmp_path.name}-{time.monotonic_ns()}")
    return Scene("sandbox", _wait_for_end, tmp_path)


def _wait_for_end(batch_id: str) -> None:
    deadline = time.monotonic() + 20
    while batch_api.retrieve_batch(batch_id).processing_status != "ended":
        assert time.monotonic() < deadline, f"{batch_id} did not end"
        time.sleep(0.05)
