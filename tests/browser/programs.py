"""The programs of a running installation, started one by one on the database of the tests."""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from batchsite.environment import CHECKOUT, read_environment
from batchsite.programs import Program, programs
from tests.processes import environment

READY_SECONDS = 120
"""A machine with much other work is slow."""

SETTINGS = {
    "NIGHTSHIFT_MIN_FREE_BYTES": "0",
    "NIGHTSHIFT_POLL_SECONDS": "0.5",
    "SANDBOX_SECONDS_PER_BATCH": "0.5",
    "SANDBOX_SECONDS_PER_MESSAGE": "0.05",
}


class Web:
    """The web server of `make run`, with the files that it serves."""

    def __init__(self) -> None:
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        subprocess.run(
            [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity", "0"],
            cwd=CHECKOUT,
            env=environment(PORT=str(self.port)),
            check=True,
        )
        self.start()

    def start(self) -> None:
        self._program = _program("web", self.port)
        self._process = _start(self._program, self.port)
        _until(lambda: self._program.is_ready(self._process.pid))

    def stop(self) -> None:
        """As at the end of an installation: what is asked for is still answered."""
        self._process.terminate()
        self._process.wait(self._program.stop_seconds)


@contextlib.contextmanager
def workers(port: int) -> Iterator[None]:
    """Everything that works behind the web server: the sandbox, the clusters and the metronome."""
    names = ("sandbox", "ticks", "urgent", "bulk", "metronome")
    started = [(program, _start(program, port)) for program in (_program(name, port) for name in names)]
    try:
        _until(lambda: all(program.is_ready(process.pid) for program, process in started))
        yield
    finally:
        for program, process in reversed(started):
            process.terminate()
            process.wait(program.stop_seconds)


def _program(name: str, port: int) -> Program:
    (found,) = (program for program in programs(replace(read_environment(), port=port)) if program.name == name)
    return found


def _start(program: Program, port: int) -> "subprocess.Popen[bytes]":
    """What it says goes to a file of the installation."""
    logs = read_environment().home / "logs"
    logs.mkdir(exist_ok=True)
    with (logs / f"{program.name}-said.txt").open("ab") as said:
        return subprocess.Popen(
            program.command,
            cwd=CHECKOUT,
            env=environment(PORT=str(port), **SETTINGS, **program.environment),
            stdout=said,
            stderr=said,
            start_new_session=True,
        )


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "a program of the installation does not start"
        time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
