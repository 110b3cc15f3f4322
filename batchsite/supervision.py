"""Runs the programs of an installation under supervisord, which restarts what dies and keeps their logs.

Only the main process of a program is told to stop; its process group is killed when its time is over. supervisord gets
a session of its own, so that Ctrl-C reaches the person's program alone, which then stops the others in order.
"""

import hashlib
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import SupervisorTransport

from batchsite.embedded_postgres.server import private_runtime_folder
from batchsite.environment import CHECKOUT, Environment
from batchsite.leftovers import MARK
from batchsite.logs import SUPERVISED
from batchsite.programs import Program

LONGEST_SOCKET_PATH = 100  # bytes; the system's limit is 107 on Linux and 103 on macOS
LOG_BYTES, LOG_FILES = 10_000_000, 5


class RunFault(Exception):
    """The run cannot go on; the message is a sentence for a person."""


class Supervisor:
    """One supervisord with its programs."""

    def __init__(self, environment: Environment, programs: list[Program]) -> None:
        self.home = environment.home
        self.programs = programs
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._ready: set[str] = set()
        self._asked_to_stop = False

    def start(self) -> None:
        """Returns at once; ask `all_ready` until it is. Raises RunFault when supervisord does not even start."""
        folder = self.home / "run"
        (self.home / "logs").mkdir(exist_ok=True)
        configuration = folder / "supervisord.conf"
        configuration.write_text(self._configuration())
        _socket(self.home).unlink(missing_ok=True)
        with (self.home / "logs" / "supervisord-start.log").open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "supervisor.supervisord", "--nodaemon", "--configuration", str(configuration)],
                cwd=CHECKOUT,
                env=self._programs_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )

    def all_ready(self) -> bool:
        """Whether each program has shown that it works; what was ready once is not asked again."""
        for state in self._states():
            program = next((program for program in self.programs if program.name == state["name"]), None)
            if program is None or program.name in self._ready:
                continue
            if state["statename"] == "FATAL":
                raise RunFault(self._complaint(program, "does not start"))
            if state["statename"] == "RUNNING" and program.is_ready(state["pid"]):
                self._ready.add(program.name)
        self.refuse_dead()
        return len(self._ready) == len(self.programs)

    def refuse_unready(self, seconds: int) -> None:
        """Raises RunFault for the first program that did not become ready."""
        for program in self.programs:
            if program.name not in self._ready:
                raise RunFault(self._complaint(program, f"did not become ready in {seconds} seconds"))

    def refuse_dead(self) -> None:
        """Raises RunFault when supervisord itself ended, although nobody asked it to."""
        if not self.is_running() and not self._asked_to_stop:
            raise RunFault(
                f"The process runner ended unexpectedly; its log is {self.home / 'logs' / 'supervisord.log'}."
            )

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def ask_to_stop(self) -> None:
        self._asked_to_stop = True
        if self._process is not None and self.is_running():
            self._process.terminate()

    def _states(self) -> list[dict[str, Any]]:
        """What supervisord says about each program; nothing while it is not up."""
        try:
            with process_runner(self.home) as runner:
                return list(runner.getAllProcessInfo())
        except (OSError, HTTPException, Fault):
            time.sleep(0.1)
            return []

    def _complaint(self, program: Program, what: str) -> str:
        log = self.home / "logs" / f"{program.name}.log"
        try:
            lines = log.read_text(errors="replace").strip().splitlines()[-8:]
        except OSError:
            lines = []
        return "\n".join([f"The program {program.name!r} {what}. The end of its log {log}:", *lines])

    def _programs_environment(self) -> dict[str, str]:
        return os.environ | {
            MARK: str(self.home),
            SUPERVISED: "1",
            "NIGHTSHIFT_HOME": str(self.home),
            "DJANGO_SETTINGS_MODULE": "batchsite.settings",
            "PYTHONUNBUFFERED": "1",
        }

    def _configuration(self) -> str:
        """No secret is in it: the programs inherit the environment of this process."""
        sections = [self._general_section(), *(self._section(program) for program in self.programs)]
        together = ",".join(program.name for program in self.programs if not program.outlives)
        # A group is stopped all at once, and groups one after the other from the highest priority down.
        sections.append(f"[group:nightshift]\nprograms={together}\npriority=900\n")
        return "\n".join(sections)

    def _general_section(self) -> str:
        return f"""\
[supervisord]
nodaemon=true
silent=true
directory={_escaped(CHECKOUT)}
logfile={_escaped(self.home / "logs" / "supervisord.log")}
logfile_maxbytes={LOG_BYTES}
logfile_backups={LOG_FILES}
pidfile={_escaped(self.home / "run" / "supervisord.pid")}
childlogdir={_escaped(self.home / "logs")}

[unix_http_server]
file={_escaped(_socket(self.home))}
chmod=0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[supervisorctl]
serverurl=unix://{_escaped(_socket(self.home))}
"""

    def _section(self, program: Program) -> str:
        log = self.home / "logs" / f"{program.name}.log"
        # What the web server prints is its access log; all that others print belongs together.
        printed = log.with_name("web-access.log") if program.name == "web" else log
        variables = ",".join(f'{name}="{value}"' for name, value in program.environment.items())
        return f"""\
[program:{program.name}]
command={_escaped(shlex.join(program.command))}
directory={_escaped(CHECKOUT)}
environment={variables}
autorestart=true
startsecs=1
startretries=10
stopsignal=TERM
stopasgroup=false
killasgroup=true
stopwaitsecs={program.stop_seconds}
priority={100 if program.outlives else 900}
stdout_logfile={_escaped(printed)}
stdout_logfile_maxbytes={LOG_BYTES}
stdout_logfile_backups={LOG_FILES}
{_second_log(log) if printed != log else "redirect_stderr=true"}
"""


def _second_log(log: Path) -> str:
    return f"""\
stderr_logfile={_escaped(log)}
stderr_logfile_maxbytes={LOG_BYTES}
stderr_logfile_backups={LOG_FILES}"""


@contextmanager
def process_runner(home: Path) -> Iterator[Any]:
    """The supervisord of this folder, to be asked inside the block. Asking raises OSError, HTTPException, Fault."""
    transport = SupervisorTransport(None, None, f"unix://{_socket(home)}")
    try:
        yield ServerProxy("http://localhost", transport=transport).supervisor
    finally:
        transport.close()


def _socket(home: Path) -> Path:
    """Beside the configuration; in the private runtime folder where that path is too long for a socket."""
    path = home / "run" / "supervisor.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    return private_runtime_folder() / f"{hashlib.sha256(os.fsencode(home)).hexdigest()[:16]}.sock"


def _escaped(value: object) -> str:
    """supervisord expands `%(name)s` in every value."""
    return str(value).replace("%", "%%")
