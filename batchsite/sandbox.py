"""Keeps the sandbox of an installation running for as long as somebody uses it.

Commands, a running installation and tests may want it at once, begin in any order and end in any order. Each holds a
shared lock while it uses the sandbox; the first starts it, and whoever leaves last stops it, although another may have
started it. `python -m batchsite.sandbox` is such a user that stays: the process runner runs it.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import fasteners
import psutil

from batchsite.api_address import address_file, sandbox_folder, sandbox_url
from batchsite.environment import CHECKOUT, read_environment
from batchsite.leftovers import MARK

START_SECONDS = 30
STOP_SECONDS = 10

_uses = 0  # of this process: its file locks are one, however many threads use the sandbox
_threads = threading.RLock()
_users_lock: fasteners.InterProcessReaderWriterLock | None = None


class SandboxFault(RuntimeError):
    """The sandbox cannot be started; the message is a sentence for a person."""


@contextmanager
def ensure_sandbox() -> Iterator[None]:
    """Without an API key: the sandbox answers inside the block. With one: does nothing. Raises SandboxFault."""
    environment = read_environment()
    if environment.has_credentials:
        yield
        return
    _enter(environment.home)
    try:
        yield
    finally:
        _leave(environment.home)


def is_answering(url: str) -> bool:
    """Whether a sandbox answers there; never asked through a proxy."""
    if not url:
        return False
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/sandbox/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _enter(home: Path) -> None:
    global _uses, _users_lock
    folder = sandbox_folder(home)
    with _threads:
        if _uses == 0:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _users_lock = fasteners.InterProcessReaderWriterLock(folder / "users.lock")
            _users_lock.acquire_read_lock()
        _uses += 1
        try:
            with fasteners.InterProcessLock(folder / "start.lock"):
                if not is_answering(sandbox_url(home)):
                    _start(home)
        except BaseException:
            _leave(home)
            raise


def _leave(home: Path) -> None:
    """Stops the sandbox if nobody else uses it."""
    global _uses, _users_lock
    with _threads:
        _uses -= 1
        if _uses or _users_lock is None:
            return
        _users_lock.release_read_lock()
        _users_lock = None
        stop_if_unused(home)


def stop_if_unused(home: Path) -> None:
    """Ends the sandbox unless somebody uses it; nothing where it does not run."""
    if not address_file(home).exists():
        return
    users = fasteners.InterProcessReaderWriterLock(sandbox_folder(home) / "users.lock")
    if users.acquire_write_lock(blocking=False):
        try:
            _stop(home)
        finally:
            users.release_write_lock()


def _start(home: Path) -> None:
    """In a session of its own: neither Ctrl-C nor the end of this process may end it for the others."""
    folder = sandbox_folder(home)
    ready, log = folder / "ready.json", folder / "sandbox.log"
    command = [sys.executable, "-m", "sandbox", "--port", str(_port_to_use(home)), "--state", str(folder)]
    with ready.open("w") as stdout, log.open("a") as stderr:
        written = log.stat().st_size
        process = subprocess.Popen(
            command,
            cwd=CHECKOUT,
            env={name: value for name, value in os.environ.items() if name != MARK},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
    url = _wait_until_ready(process, ready)
    if url is None:
        process.kill()
        process.wait()
        raise SandboxFault(f"The sandbox did not start: {_last_line(log, written)}")
    _write_address(home, url, process.pid)


def _wait_until_ready(process: subprocess.Popen[bytes], ready: Path) -> str | None:
    """The address that it prints when it listens, or None."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if (line := ready.read_text()).endswith("\n"):
            return str(json.loads(line)["url"])
        time.sleep(0.05)
    return None


def _port_to_use(home: Path) -> int:
    """The port of last time if it is free, so that an address in somebody's browser or script stays right; else any."""
    port = urlsplit(sandbox_url(home)).port or 0
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return 0
    return port


def _write_address(home: Path, url: str, pid: int) -> None:
    """Whole or not at all: others read it at any moment."""
    draft = address_file(home).with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps({"base_url": url, "pid": pid}) + "\n")
    draft.replace(address_file(home))


def _last_line(log: Path, start: int) -> str:
    with log.open("rb") as file:
        file.seek(start)
        lines = file.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "it did not answer in time."


def _stop(home: Path) -> None:
    """Ends the process that the address names, if that number is still a sandbox's."""
    process = _process(home)
    if process is None:
        return
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except psutil.TimeoutExpired:
        process.kill()
        process.wait(STOP_SECONDS)


def _process(home: Path) -> psutil.Process | None:
    try:
        process = psutil.Process(int(json.loads(address_file(home).read_text())["pid"]))
        command = process.cmdline()
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return None
    is_ours = "sandbox" in command and str(sandbox_folder(home)) in command
    return process if is_ours and process.status() != psutil.STATUS_ZOMBIE else None


def main() -> int:
    """Uses the sandbox until SIGTERM; ends with 1 when it stops answering, so that the runner starts this anew."""
    told_to_stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: told_to_stop.set())
    signal.signal(signal.SIGINT, lambda number, frame: told_to_stop.set())
    try:
        with ensure_sandbox():
            home = read_environment().home
            while not told_to_stop.wait(2):
                if not is_answering(sandbox_url(home)) and not is_answering(sandbox_url(home)):
                    return 1
    except SandboxFault as fault:
        print(fault, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
