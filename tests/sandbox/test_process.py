"""The process: starting, refusing to start, ending, and being killed."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from sandbox.process import ROOT, SandboxStartError, running_sandbox, start_sandbox
from tests.sandbox.caller import HOUR, Caller, params, request


def run(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sandbox", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20)


def test_it_says_where_it_is_and_ends_when_told(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--state", str(tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout:
        ready = json.loads(process.stdout.readline())
        assert ready["pid"] == process.pid
        assert httpx2.get(f"{ready['url']}/sandbox/health").json()["status"] == "ok"
        asked = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 0
        assert time.monotonic() - asked < 2
        assert process.stdout.read() == ""


def test_the_helper_starts_and_ends_one(tmp_path: Path) -> None:
    with running_sandbox(tmp_path / "new" / "folder") as sandbox:
        assert psutil.pid_exists(sandbox.pid)
        assert httpx2.get(f"{sandbox.url}/sandbox/health").status_code == 200
    assert not sandbox.is_running()
    assert not psutil.pid_exists(sandbox.pid)


def test_it_ends_with_the_program_that_started_it(tmp_path: Path) -> None:
    starter = (
        "import sys; from sandbox.process import start_sandbox\n"
        f"print(start_sandbox({str(tmp_path)!r}).pid, flush=True); sys.stdin.read()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", starter], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    child = psutil.Process(pid)
    parent.kill()
    parent.communicate()
    psutil.wait_procs([child], timeout=5)
    assert not psutil.pid_exists(pid) or child.status() == psutil.STATUS_ZOMBIE


def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run("--port", str(port), "--state", str(tmp_path))
        assert (ended.returncode, ended.stdout) == (2, "")
        assert ended.stderr == f"Port {port} on 127.0.0.1 is taken by another program.\n"
        with pytest.raises(SandboxStartError, match="is taken by another program"):
            start_sandbox(tmp_path, port=port)


def test_a_folder_in_use_is_one_sentence(tmp_path: Path) -> None:
    with running_sandbox(tmp_path):
        ended = run("--port", "0", "--state", str(tmp_path))
        assert ended.returncode == 2
        assert ended.stderr == f"Another sandbox is running on the state folder {tmp_path}.\n"


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.1", "example.com", "::"])
def test_it_listens_on_loopback_only(tmp_path: Path, host: str) -> None:
    ended = run("--port", "0", "--state", str(tmp_path), "--host", host)
    assert ended.returncode == 2
    assert ended.stderr.endswith("is not a loopback address.\n")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("options", [("--port", "0"), ("--state", "x", "--seconds-per-batch", "-1")])
def test_a_bad_setting_is_one_sentence(options: tuple[str, ...]) -> None:
    ended = run(*options)
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1


def test_verbose_lines_hold_no_key(start: Any) -> None:
    sandbox = start(environment={"SANDBOX_VERBOSE": "1"})
    caller = Caller(sandbox.url)
    caller.create(request())
    caller.arm("error", "list", status=529)
    caller.http.get("/v1/messages/batches")
    # The next answer on the same connection comes after the line of the one before was written.
    caller.account()
    log = sandbox.log_file.read_text()
    assert "POST /v1/messages/batches 200" in log
    assert re.search(r"GET /v1/messages/batches 529 \d+ ms \(error\)\n", log)
    assert caller.key not in log


def test_everything_is_there_again_after_a_restart(start: Any) -> None:
    first = start(seconds_per_batch=0)
    caller = Caller(first.url)
    batch = caller.create(request("a", "A text."), request("b", "B text."))
    before, account = caller.ended(batch["id"]), caller.account()
    lines = caller.raw_results(batch["id"])
    caller.control("behavior", {"hold": True})
    caller.advance(100)
    first.stop()
    again = Caller(start().url)
    again.http.headers["x-api-key"] = caller.key
    after = again.batch(batch["id"])
    assert {**after, "results_url": None} == {**before, "results_url": None}
    assert again.raw_results(batch["id"]) == lines
    assert again.account() == account
    assert again.http.get("/sandbox/behavior").json()["hold"] is True
    assert again.http.get("/sandbox/clock").json()["offset_seconds"] == 100


def test_a_killed_sandbox_goes_on_with_what_it_accepted(start: Any) -> None:
    first = start(seconds_per_batch=HOUR)
    caller = Caller(first.url)
    batch = caller.create(*(request(f"r{n}", f"Text {n}") for n in range(1000)))
    first.kill()
    again = Caller(start(seconds_per_batch=HOUR).url)
    again.http.headers["x-api-key"] = caller.key
    assert again.batch(batch["id"])["processing_status"] == "in_progress"
    again.advance(HOUR)
    assert again.batch(batch["id"])["request_counts"]["succeeded"] == 1000
    assert len(again.results(batch["id"])) == 1000
    assert again.account()["requests_charged"] == 1000


def test_kills_at_any_moment_charge_every_accepted_request_once(start: Any, tmp_path: Path) -> None:
    """Six lives of a few hundredths of a second each, killed while batches are received, answered and ended."""
    accepted: list[str] = []
    key = "sk-test-killed"
    headers = {"x-api-key": key, "anthropic-version": "2026-10-21"}
    for life in range(6):
        sandbox = start(seconds_per_batch=0.01)
        killer = threading.Timer(0.03 + 0.04 * life, os.kill, (sandbox.pid, signal.SIGKILL))
        killer.start()
        with httpx2.Client(base_url=sandbox.url, headers=headers) as http:
            for number in range(1000):
                body = {"requests": [request(f"r{n}", f"Text {life} {number} {n}") for n in range(40)]}
                try:
                    accepted.append(http.post("/v1/messages/batches", json=body).json()["id"])
                except httpx2.TransportError:
                    break
        killer.join()
        sandbox.stop()
    caller = Caller(start(seconds_per_batch=0.01).url)
    caller.http.headers["x-api-key"] = key
    listed = [batch["id"] for batch in caller.http.get("/v1/messages/batches?limit=1000").json()["data"]]
    assert accepted
    assert set(accepted) <= set(listed)
    assert all(len(caller.results(batch_id)) == 40 for batch_id in listed if caller.ended(batch_id))
    account = caller.account()
    assert account["batches_accepted"] == len(listed)
    assert account["requests_charged"] == account["documents_charged"] == 40 * len(listed)
    assert account["charged_more_than_once"] == 0
    known = {f"{batch_id}.jsonl" for batch_id in listed}
    assert {path.name for path in (tmp_path / "state" / "results").iterdir()} == known
    assert list((tmp_path / "state" / "bodies").iterdir()) == []


def test_sixty_four_calls_at_once_take_as_long_as_one(start: Any) -> None:
    sandbox = start(seconds_per_message=0.3)
    limits = httpx2.Limits(max_connections=64)
    caller = Caller(sandbox.url)
    with httpx2.Client(base_url=sandbox.url, headers=caller.headers, limits=limits, timeout=30) as http:
        started = time.monotonic()
        with ThreadPoolExecutor(64) as pool:
            answers = list(pool.map(lambda n: http.post("/v1/messages", json=params(f"Text {n}.")), range(64)))
        assert time.monotonic() - started < 3
    assert {answer.status_code for answer in answers} == {200}
    assert caller.account()["requests_charged"] == 64


def test_a_slow_answer_is_slow(caller: Caller) -> None:
    started = time.monotonic()
    assert caller.message(params("[[slow 0.3]] Hello.")).status_code == 200
    assert time.monotonic() - started >= 0.3


def test_a_hundred_thousand_requests_fit_into_little_memory(start: Any) -> None:
    """Generous limits: the machine may be busy. Typical: 0.5 s to accept, 60 MB."""
    sandbox = start(seconds_per_batch=0)
    caller = Caller(sandbox.url)
    text = "My refund did not arrive and the card was charged twice. " * 4
    one = json.dumps(params("TEXT")).replace("TEXT", text + "%d")
    pieces = b",".join((f'{{"custom_id":"r{n}","params":' + one % n + "}").encode() for n in range(100_000))
    started = time.monotonic()
    response = caller.http.post("/v1/messages/batches", content=b'{"requests":[' + pieces + b"]}", timeout=60)
    assert response.status_code == 200
    assert time.monotonic() - started < 5
    ended = caller.ended(response.json()["id"])
    assert ended["request_counts"]["succeeded"] == 100_000
    lines = 0
    with caller.http.stream("GET", f"/v1/messages/batches/{ended['id']}/results") as stream:
        for piece in stream.iter_bytes():
            lines += piece.count(b"\n")
    assert lines == 100_000
    assert psutil.Process(sandbox.pid).memory_info().rss < 150_000_000
    assert caller.account()["charged_more_than_once"] == 0
