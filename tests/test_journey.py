"""The real thing: everything that `make run` starts, as processes, used over HTTP as a person uses it."""

import csv
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx2
import psycopg
import pytest

from batchsite.api_address import sandbox_url
from batchsite.embedded_postgres import server
from batchsite.environment import CHECKOUT
from batchsite.leftovers import kill_leftovers
from labeling.faults import has_acted
from tests.processes import marked

EXAMPLES = CHECKOUT / "examples"
ACCEPTED, COPIES = 330, 7
"""Of examples/documents.csv, as its README says."""

IN_THE_MIDDLE = "ingest: chunk stored"
SETTINGS = {
    "NIGHTSHIFT_MIN_FREE_BYTES": "0",
    "NIGHTSHIFT_POLL_SECONDS": "0.5",
    "NIGHTSHIFT_BATCH_REQUESTS": "1000",
    # The first upload is one batch, the second one three: whichever worker gets which, the second chunk of one of
    # them belongs to the second upload.
    "NIGHTSHIFT_FAULT": f"{IN_THE_MIDDLE}=kill@2",
}

LAST_LINE = "State and logs are in"


def until(condition: Callable[[], Any], seconds: float = 90, what: str = "") -> Any:
    """What the condition gives once it is true; a machine with much other work is slow."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} seconds: {what}"
        time.sleep(0.1)
    return found


class Run:
    """One `python -m batchsite.run`, and what it has said."""

    def __init__(self, port: int) -> None:
        own = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        self.said: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "batchsite.run"],
            cwd=CHECKOUT,
            env={**own, **SETTINGS, "PORT": str(port)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def address(self) -> str:
        """Where it says that it runs, once it is ready."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.said.append(line)
            if line.startswith(LAST_LINE):
                break
        (address,) = re.findall(r"Nightshift runs at (\S+/) ", self.text) or [None]
        assert address, self.text
        return str(address)

    def interrupt(self) -> tuple[str, int]:
        """Ctrl-C: its last words and its exit code."""
        self._process.send_signal(signal.SIGINT)
        words, _ = self._process.communicate(timeout=90)
        return words, self._process.returncode

    def end(self) -> tuple[str, int]:
        """The words and the exit code of one that ends by itself."""
        words, _ = self._process.communicate(timeout=90)
        return words, self._process.returncode

    def close(self) -> None:
        self._process.kill()
        self._process.wait()

    @property
    def text(self) -> str:
        return "".join(self.said)


class Browser:
    """What a person does on the pages, without a browser."""

    def __init__(self, address: str) -> None:
        self._client = httpx2.Client(base_url=address, timeout=60, trust_env=False, follow_redirects=True)

    def close(self) -> None:
        self._client.close()

    def get(self, path: str) -> httpx2.Response:
        response = self._client.get(path)
        assert response.status_code == 200, (path, response.status_code, response.text[:2000])
        return response

    def post(self, path: str, page: str = "", files: Any = None, **fields: str) -> httpx2.Response:
        """Send a form of a page; it carries the page's token."""
        (token, *_) = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', self.get(page or path).text)
        response = self._client.post(
            path,
            data={"csrfmiddlewaretoken": token, **fields},
            files=files,
            headers={"Referer": urljoin(str(self._client.base_url), path)},
        )
        assert response.status_code == 200, (path, response.status_code, response.text[:2000])
        return response

    def sign_in(self, password: str) -> None:
        assert "Sign in" not in self.post("/login", username="admin", password=password).text

    def upload(self, *, way: str, files: Any = None, **fields: str) -> str:
        """Through the form and the check to the import; the path of the receipt."""
        page = self.post("/uploads/new/", task="document-type", way=way, files=files, **fields)
        path = page.url.path
        assert re.fullmatch(r"/uploads/\d+/", path), page.text[:2000]
        until(lambda: f'action="{path}import"' in self.get(path).text, what=f"check of {path}")
        self.post(f"{path}import", page=path, way=way)
        return path

    def labeled(self, path: str) -> int:
        """How many documents the receipt says are labeled; 0 while it is importing."""
        return self.figure(path, "labeled")

    def figure(self, path: str, outcome: str) -> int:
        found = re.search(rf'id="o-{outcome}".*?class="fig">([\d,]+)<', self.get(path).text, re.DOTALL)
        return int(found[1].replace(",", "")) if found else 0

    def rows(self, path: str) -> list[dict[str, str]]:
        """The rows of a CSV that can be downloaded."""
        return list(csv.DictReader(io.StringIO(self.get(path).content.decode("utf-8-sig"), newline="")))


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def start(nightshift_home: Path, port: int) -> Iterator[Callable[[], Run]]:
    """Starts runs of the test's own installation; whatever a failing test leaves is ended."""
    runs: list[Run] = []

    def another() -> Run:
        runs.append(Run(port))
        return runs[-1]

    yield another
    for run in runs:
        run.close()
    kill_leftovers(nightshift_home)


@pytest.fixture
def open_browser() -> Iterator[Callable[[str], Browser]]:
    browsers: list[Browser] = []

    def another(address: str) -> Browser:
        browsers.append(Browser(address))
        return browsers[-1]

    yield another
    for browser in browsers:
        browser.close()


def manage(*arguments: str) -> dict[str, Any]:
    """A command of an operator beside the running installation; its summary."""
    own = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=CHECKOUT, env=own, capture_output=True, text=True, timeout=90
    )
    assert done.returncode == 0, done.stderr
    summary: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return summary


def stop(run: Run) -> None:
    words, code = run.interrupt()
    assert words.endswith("Stopped.\n")
    assert code == 0


def let_the_lease_end(home: Path) -> None:
    """Two minutes pass, after which another worker may take what the dead one had."""
    place = server.address(home / "pg")
    assert place is not None
    with psycopg.connect(**place, user="postgres", dbname="nightshift_sandbox", autocommit=True) as connection:
        connection.execute("UPDATE labeling_batch SET lease_until = now() WHERE state = 'ended'")


def other_texts(count: int) -> bytes:
    """Documents that are in no example."""
    lines = [f"INV-{number},Invoice {number}: the amount due is {number * 7} euros." for number in range(count)]
    return ("id,text\n" + "\n".join(lines) + "\n").encode()


@pytest.mark.journey
def test_a_file_goes_from_the_form_to_its_labels_whatever_dies(nightshift_home, start, open_browser):
    run = start()
    address = run.address()
    browser = open_browser(address)
    assert browser.get("/healthz/web").text == "ok\n"
    (password,) = re.findall(r"First user: admin, password: (\S+)", run.text)
    browser.sign_in(password)
    assert manage("load_tasks", str(EXAMPLES / "tasks.toml"))["created"] == 3

    words, code = start().end()
    assert code == 1
    assert words.startswith("Nightshift already runs from")
    assert words.count("\n") == 1

    documents = ("documents.csv", (EXAMPLES / "documents.csv").read_bytes(), "text/csv")
    first = browser.upload(way="now", files={"file": documents})
    urgent = browser.upload(way="urgent", text="The invoice is wrong.\nPlease find attached the minutes.")
    until(lambda: browser.labeled(urgent) == 2, what="urgent labels")
    until(lambda: browser.labeled(first) == ACCEPTED, what="labels of the example")
    rows = browser.rows(f"{first}labels.csv")
    assert len(rows) == ACCEPTED
    assert all(row["label"] and row["state"] == "labeled" for row in rows)
    assert sum(row["source"] == "copy" for row in rows) == COPIES
    assert {row["lane"] for row in browser.rows(f"{urgent}labels.csv")} == {"urgent"}

    count = 3000
    second = browser.upload(way="now", files={"file": ("invoices.csv", other_texts(count), "text/csv")})
    until(lambda: has_acted(nightshift_home, IN_THE_MIDDLE), what="a worker killed while it stores results")
    let_the_lease_end(nightshift_home)
    until(lambda: browser.labeled(second) == count, what="labels after a worker was killed")
    assert len(browser.rows(f"{second}labels.csv")) == count
    account = httpx2.get(f"{sandbox_url(nightshift_home)}/sandbox/account", timeout=30, trust_env=False).json()
    assert account["charged_more_than_once"] == 0
    assert account["documents_charged"] == ACCEPTED - COPIES + 2 + count

    status = manage("status", "--json")
    assert all(identity["holds"] for identity in status["ledger"])
    assert status["cluster"]["alive"]
    stop(run)
    assert marked(nightshift_home) == []
    assert not server.status(nightshift_home / "pg").running

    again = start()
    browser = open_browser(again.address())
    browser.sign_in(password)
    assert "password" not in again.text
    assert browser.labeled(first) == ACCEPTED
    assert browser.labeled(second) == count
    stop(again)
    assert marked(nightshift_home) == []
