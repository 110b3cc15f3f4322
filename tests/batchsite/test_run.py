"""`make run`: a whole installation from one command, and nothing left of it afterwards."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import fasteners
import pytest

from batchsite.embedded_postgres import server
from batchsite.environment import CHECKOUT
from batchsite.leftovers import MARK, end_leftovers, kill_leftovers
from tests.processes import marked

LAST_LINE = "State and logs are in"


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def home(nightshift_home: Path) -> Iterator[Path]:
    """Whatever a failing test leaves is killed."""
    yield nightshift_home
    kill_leftovers(nightshift_home)


def start(**environment: str) -> subprocess.Popen[str]:
    inherited = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    return subprocess.Popen(
        [sys.executable, "-m", "batchsite.run"],
        cwd=CHECKOUT,
        env={**inherited, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def read_until_ready(run: subprocess.Popen[str]) -> str:
    """What it said until it was ready, or until it ended; it is killed when that takes too long."""
    watch = threading.Timer(90, run.kill)
    watch.start()
    said = ""
    assert run.stdout is not None
    for line in run.stdout:
        said += line
        if line.startswith(LAST_LINE):
            break
    watch.cancel()
    return said


def test_a_second_run_beside_it_is_a_sentence(home):
    (home / "run").mkdir()
    with fasteners.InterProcessLock(home / "run" / "lock"):
        said = start().communicate(timeout=30)
    assert said[0] == ""
    assert said[1].startswith("Nightshift already runs from")
    assert said[1].count("\n") == 1


def test_a_taken_port_is_a_sentence(home):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        run = start(PORT=str(taken.getsockname()[1]))
        said = run.communicate(timeout=30)
    assert run.returncode == 1
    assert "cannot listen on" in said[1]
    assert said[1].count("\n") == 1
    assert not (home / "pg").exists()


def test_a_wrong_environment_is_a_sentence(home):
    run = start(PORT="x")
    assert run.communicate(timeout=30) == ("", "PORT must be a whole number from 1 to 65535.\n")
    assert run.returncode == 2


def test_an_unreachable_database_is_a_sentence(home, free_port):
    run = start(DATABASE_URL="postgresql://me:hunter2@127.0.0.1:9/db", PORT=str(free_port))
    said = run.communicate(timeout=30)
    assert run.returncode == 1
    assert "Traceback" not in said[1]
    assert "hunter2" not in said[1]


def test_what_a_killed_run_left_is_ended(home, monkeypatch):
    monkeypatch.setattr("batchsite.leftovers.STOP_SECONDS", 1)
    left = [
        subprocess.Popen(["sleep", "60"], env={**os.environ, MARK: str(home)}),
        subprocess.Popen(["sh", "-c", "trap '' TERM; sleep 60 & wait"], env={**os.environ, MARK: str(home)}),
    ]
    other = subprocess.Popen(["sleep", "60"], env={**os.environ, MARK: f"{home}-of-somebody-else"})
    reaper = threading.Thread(target=lambda: [process.wait() for process in left])
    reaper.start()
    assert end_leftovers(home) >= 2
    reaper.join()
    assert marked(home) == []
    assert other.poll() is None
    other.kill()
    other.wait()


@pytest.mark.journey
def test_it_runs_stops_leaves_nothing_and_goes_on_with_the_same_data(home, free_port):
    first = start(PORT=str(free_port))
    said = read_until_ready(first)
    assert LAST_LINE in said, first.stderr.read()
    assert re.search(r"First user: admin, password: \S{12,}", said)
    assert f"http://127.0.0.1:{free_port}/" in said
    with urllib.request.urlopen(f"http://127.0.0.1:{free_port}/healthz/web", timeout=10) as answer:
        assert answer.read() == b"ok\n"
    first.send_signal(signal.SIGINT)
    said, complaints = first.communicate(timeout=60)
    assert (said.splitlines()[-1], complaints) == ("Stopped.", "")
    assert (first.returncode, marked(home)) == (0, [])
    assert not server.status(home / "pg").running

    second = start(PORT=str(free_port))
    said = read_until_ready(second)
    assert "password" not in said
    assert "up to date" in said
    second.send_signal(signal.SIGTERM)
    second.communicate(timeout=60)
    assert (second.returncode, marked(home)) == (0, [])
