"""The sandbox runs while somebody uses it: whoever comes first starts it, whoever leaves last stops it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil

from batchsite.api_address import address_file, sandbox_url
from batchsite.environment import CHECKOUT
from batchsite.sandbox import ensure_sandbox, is_answering

USE_UNTIL_TOLD = """
import sys
from batchsite.sandbox import ensure_sandbox
with ensure_sandbox():
    print("in use", flush=True)
    sys.stdin.read()
"""


def another_user() -> subprocess.Popen[str]:
    """A process that uses the sandbox until its standard input is closed."""
    command = [sys.executable, "-c", USE_UNTIL_TOLD]
    return subprocess.Popen(command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def sandbox_pid(home: Path) -> int:
    return int(json.loads(address_file(home).read_text())["pid"])


def until(condition, seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_it_answers_inside_the_block_and_is_gone_afterwards(nightshift_home):
    with ensure_sandbox():
        url, pid = sandbox_url(nightshift_home), sandbox_pid(nightshift_home)
        assert is_answering(url)
    assert not is_answering(url)
    assert not psutil.pid_exists(pid)


def test_it_comes_back_on_the_same_port(nightshift_home):
    with ensure_sandbox():
        first = sandbox_url(nightshift_home)
    with ensure_sandbox():
        assert sandbox_url(nightshift_home) == first


def test_it_is_started_once_for_all_and_the_last_one_stops_it(nightshift_home):
    first, second = another_user(), another_user()
    assert [user.stdout.readline() for user in (first, second)] == ["in use\n", "in use\n"]
    pid = sandbox_pid(nightshift_home)
    for user in (first, second):
        assert is_answering(sandbox_url(nightshift_home))
        user.communicate(timeout=30)
    assert until(lambda: not is_answering(sandbox_url(nightshift_home)))
    assert sandbox_pid(nightshift_home) == pid


def test_a_user_who_is_killed_does_not_keep_it_running(nightshift_home):
    killed = another_user()
    killed.stdout.readline()
    killed.kill()
    killed.communicate()
    with ensure_sandbox():
        url = sandbox_url(nightshift_home)
        assert is_answering(url)
    assert not is_answering(url)


def test_a_sandbox_that_died_is_started_again(nightshift_home):
    with ensure_sandbox():
        psutil.Process(sandbox_pid(nightshift_home)).kill()
        assert until(lambda: not is_answering(sandbox_url(nightshift_home)))
        with ensure_sandbox():
            assert is_answering(sandbox_url(nightshift_home))


def test_an_address_that_names_a_stranger_does_not_end_the_stranger(nightshift_home):
    address_file(nightshift_home).parent.mkdir()
    with subprocess.Popen(["sleep", "60"]) as stranger:
        address_file(nightshift_home).write_text(json.dumps({"base_url": "http://127.0.0.1:9", "pid": stranger.pid}))
        with ensure_sandbox():
            assert sandbox_pid(nightshift_home) != stranger.pid
        assert stranger.poll() is None
        stranger.kill()


def test_with_a_key_no_sandbox_is_started(nightshift_home, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "key")
    with ensure_sandbox():
        assert not address_file(nightshift_home).exists()
    assert "ANTHROPIC_API_KEY" in os.environ
