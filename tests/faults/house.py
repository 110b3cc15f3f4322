"""An installation of its own for one case: a folder, a database, a sandbox with fast batches, real processes.

Nothing of the product is imported: it is driven by its commands, as an operator drives it, and judged by what
`status --json`, the rows and the sandbox's own account say.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil
import psycopg

from batchsite.environment import CHECKOUT
from sandbox.process import SandboxProcess, start_sandbox

KEY = "key-of-the-proof"
COMMAND_SECONDS = 240.0
"""A generous end for every command: a machine with much other work is slow."""

FAST: dict[str, str] = {
    "NIGHTSHIFT_LOOPBACK_ONLY": "1",
    "NIGHTSHIFT_MIN_FREE_BYTES": "0",
    "NIGHTSHIFT_CREATE_TIMEOUT_SECONDS": "3",
    "NIGHTSHIFT_DOUBT_GRACE_SECONDS": "1",
    "NIGHTSHIFT_POLL_SECONDS": "0.2",
    "NIGHTSHIFT_RETRY_BACKOFF_SECONDS": "0.2",
    "NIGHTSHIFT_BATCH_REQUESTS": "12",
    "NIGHTSHIFT_URGENT_CONCURRENCY": "4",
    "NIGHTSHIFT_CANARY": "0",
    "ANTHROPIC_API_KEY": KEY,
    "NO_PROXY": "127.0.0.1,localhost",
    "PYTHONUNBUFFERED": "1",
}
"""The settings of a case: seconds instead of quarters of an hour, and a few documents in three batches."""

_FOREIGN = ("ANTHROPIC_", "NIGHTSHIFT_", "Q_CLUSTER_", "SANDBOX_", "DATABASE_URL", "DJANGO_", "HOST", "PORT")


class House:
    """One installation. Closing it ends every process that it started and removes its folder."""

    def __init__(self, database_url: str | None, settings: Mapping[str, str] | None = None) -> None:
        """`settings` are environment variables of its processes, the sandbox's among them.

        Without a DATABASE_URL the processes use the server of the folder, and `address` is to be set.
        """
        self.home = Path(tempfile.mkdtemp(prefix="ns-fault-", dir="/tmp" if Path("/tmp").is_dir() else None)).resolve()
        self.database_url = self.address = database_url
        self._settings = {**FAST, **(settings or {})}
        self._processes: list[subprocess.Popen[str]] = []
        self.sandbox: SandboxProcess = self._new_sandbox(port=0)

    def __enter__(self) -> "House":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for process in self._processes:
            end_tree(process, self.home)
        self.sandbox.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def environment(self, **more: str) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        place = {"NIGHTSHIFT_HOME": str(self.home), "ANTHROPIC_BASE_URL": self.sandbox.url}
        database = {"DATABASE_URL": self.database_url} if self.database_url else {}
        return {**own, **self._settings, **place, **database, **more}

    def start(self, *arguments: str, fault: str = "", **more: str) -> subprocess.Popen[str]:
        """A command as a process in a group of its own; what it says goes to a file of the installation."""
        logs = self.home / "logs"
        logs.mkdir(exist_ok=True)
        with self._output(len(self._processes)).open("w") as output, (logs / "said.txt").open("a") as errors:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=CHECKOUT,
                env=self.environment(NIGHTSHIFT_FAULT=fault, **more),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def run(self, *arguments: str, fault: str = "", **more: str) -> int:
        """A command of manage.py to its end: its exit code, negative for the signal that ended it."""
        return self.finish(self.start("manage.py", *arguments, fault=fault, **more))

    def finish(self, process: subprocess.Popen[str], *, seconds: float = COMMAND_SECONDS) -> int:
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            end_tree(process, self.home)
            raise AssertionError(f"{process.args!r} did not end:\n{self.said()}") from None

    def until_idle(self, *, fault: str = "", **more: str) -> int:
        return self.run("run_pipeline", "--until-idle", "--timeout", "200", fault=fault, **more)

    def said(self) -> str:
        """What the commands wrote on standard error, and the newest log: for the message of a failed assertion."""
        texts = [path.read_text(errors="replace")[-6000:] for path in sorted((self.home / "logs").glob("*"))]
        return "\n".join(texts)

    def status(self) -> dict[str, Any]:
        """The dashboard's numbers, as `status --json` gives them."""
        number = len(self._processes)
        assert self.run("status", "--json") == 0, self.said()
        found: dict[str, Any] = json.loads(self._output(number).read_text().strip().splitlines()[-1])
        return found

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """One statement, committed; its rows where it has any."""
        assert self.address
        with psycopg.connect(self.address, autocommit=True) as connection:
            cursor = connection.execute(query, parameters)
            return cursor.fetchall() if cursor.description else []

    def value(self, query: str, *parameters: Any) -> Any:
        return self.rows(query, *parameters)[0][0]

    def has_acted(self, place: str) -> bool:
        from labeling.faults import has_acted

        return has_acted(self.home, place)

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + COMMAND_SECONDS
        while not condition():
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.05)

    def account(self) -> dict[str, Any]:
        return self.ask("account")

    def list_batches(self) -> list[dict[str, Any]]:
        """Every Message Batch of the workspace, as the API lists it."""
        found: list[dict[str, Any]] = self._call("v1/messages/batches?limit=1000")["data"]
        return found

    def ask(self, what: str, tell: Any = None, *, method: str | None = None) -> dict[str, Any]:
        """A control endpoint of the sandbox: GET, or POST of what is told."""
        return self._call(f"sandbox/{what}", tell, method)

    def _call(self, path: str, tell: Any = None, method: str | None = None) -> dict[str, Any]:
        """Never through a proxy."""
        request = urllib.request.Request(f"{self.sandbox.url}/{path}", method=method)
        request.add_header("x-api-key", KEY)
        request.add_header("anthropic-version", "2026-10-21")
        if tell is not None:
            request.data = json.dumps(tell).encode()
            request.add_header("Content-Type", "application/json")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def restart_sandbox(self) -> None:
        """As after a crash: killed, and started again where the clients look for it."""
        port = int(self.sandbox.url.rsplit(":", 1)[1])
        self.sandbox.kill()
        self.sandbox = self._new_sandbox(port)

    def let_calls_be_given_up(self) -> None:
        """Three minutes pass for the real-time calls whose process died: their deadline is over."""
        self.rows("UPDATE labeling_request SET deadline = now() WHERE lane = 'urgent' AND outcome = 'open'")

    def let_senders_be_done(self) -> None:
        """Half a minute passes for the create calls whose process died."""
        self.rows("UPDATE labeling_batch SET deadline = deadline - interval '30 s' WHERE state = 'submitting'")

    def _output(self, number: int) -> Path:
        """The standard output of the process with this number."""
        return self.home / "logs" / f"output-{number}.txt"

    def _new_sandbox(self, port: int) -> SandboxProcess:
        return start_sandbox(
            self.home / "sandbox",
            port=port,
            seconds_per_batch=float(self._settings.get("SANDBOX_SECONDS_PER_BATCH", "0.3")),
            seconds_per_message=float(self._settings.get("SANDBOX_SECONDS_PER_MESSAGE", "0.02")),
            environment={name: value for name, value in self._settings.items() if name.startswith("SANDBOX_")},
            ready_timeout=60,
        )


def end_tree(process: subprocess.Popen[str], home: Path) -> None:
    """SIGKILL to a process of this house and to its group: a dead cluster leaves its workers behind."""
    for one in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if os.getpgid(one.pid) == process.pid and one.environ().get("NIGHTSHIFT_HOME") == str(home):
                one.kill()
    if process.poll() is None:
        process.kill()
    process.wait()
