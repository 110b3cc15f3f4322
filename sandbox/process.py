"""Start and end a sandbox process from another program (a command, a test, a bench).

Only the standard library is imported here, so that any program may use it cheaply.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
LOG_NAME = "sandbox.log"


class SandboxStartError(RuntimeError):
    """The sandbox did not come up; the message is one sentence for a person."""


class SandboxProcess:
    """A running sandbox. `url` is its base URL (no trailing slash), `pid` its process id.

    It ends with `stop()`, with the `with` block, or when the process that started it dies: its standard input is a pipe
    whose other end only the starter holds.
    """

    def __init__(self, process: subprocess.Popen[bytes], url: str, state_dir: Path) -> None:
        self._process = process
        self.url = url
        self.pid = process.pid
        self.state_dir = state_dir
        self.log_file = state_dir / LOG_NAME

    def __enter__(self) -> SandboxProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def is_running(self) -> bool:
        return self._process.poll() is None

    def stop(self, timeout: float = 10.0) -> None:
        """End it with SIGTERM, after `timeout` seconds with SIGKILL; calling it twice is harmless."""
        if self.is_running():
            self._process.terminate()
            try:
                self._process.wait(timeout)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._close()

    def kill(self) -> None:
        """End it with SIGKILL, as a crash would."""
        if self.is_running():
            self._process.kill()
        self._close()

    def _close(self) -> None:
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


@contextmanager
def running_sandbox(
    state_dir: str | os.PathLike[str],
    *,
    port: int = 0,
    seconds_per_batch: float = 3.0,
    seconds_per_message: float = 0.15,
    environment: Mapping[str, str] | None = None,
    ready_timeout: float = 20.0,
) -> Iterator[SandboxProcess]:
    """`with running_sandbox(folder) as sandbox:` starts a sandbox and ends it at the end of the block."""
    sandbox = start_sandbox(
        state_dir,
        port=port,
        seconds_per_batch=seconds_per_batch,
        seconds_per_message=seconds_per_message,
        environment=environment,
        ready_timeout=ready_timeout,
    )
    try:
        yield sandbox
    finally:
        sandbox.stop()


def start_sandbox(
    state_dir: str | os.PathLike[str],
    *,
    port: int = 0,
    seconds_per_batch: float = 3.0,
    seconds_per_message: float = 0.15,
    environment: Mapping[str, str] | None = None,
    ready_timeout: float = 20.0,
) -> SandboxProcess:
    """Start a sandbox and wait until it answers. Port 0 takes any free port; `environment` adds SANDBOX_* variables.

    Raises SandboxStartError with the sandbox's own sentence (port taken, state folder in use) or after `ready_timeout`
    seconds.
    """
    folder = Path(state_dir).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "sandbox", "--port", str(port), "--state", str(folder), "--end-with-stdin"]
    command += ["--seconds-per-batch", str(seconds_per_batch), "--seconds-per-message", str(seconds_per_message)]
    with open(folder / LOG_NAME, "ab") as log:
        log_start = log.tell()
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            # A Ctrl-C meant for the starter must not end the sandbox before the starter has tidied up.
            start_new_session=True,
        )
    ready = _read_ready_line(process, ready_timeout)
    if ready is None:
        process.kill()
        process.wait()
        raise SandboxStartError(_last_sentence(folder / LOG_NAME, log_start))
    return SandboxProcess(process, str(ready["url"]), folder)


def _read_ready_line(process: subprocess.Popen[bytes], timeout: float) -> dict[str, object] | None:
    """The ready line as an object, or None if the process ended or the deadline passed before it was whole."""
    assert process.stdout is not None
    deadline = time.monotonic() + timeout
    line = b""
    while not line.endswith(b"\n"):
        piece = _read_before(process.stdout, deadline)
        if not piece:
            return None
        line += piece
    ready: dict[str, object] = json.loads(line)
    return ready


def _read_before(pipe: IO[bytes], deadline: float) -> bytes:
    readable, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
    return os.read(pipe.fileno(), 4096) if readable else b""


def _last_sentence(log_file: Path, start: int) -> str:
    with open(log_file, "rb") as log:
        log.seek(start)
        lines = log.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "The sandbox did not answer in time."
