"""`make run`: one installation, from nothing to an address that works, until Ctrl-C.

lock       one run per folder; what a killed run left behind is ended
prepare    PostgreSQL, migrations, static files, the first user
supervise  web server, clusters, metronome, watchdog and sandbox under the process runner, until each one answers
stop       all of it, PostgreSQL too unless others are connected
"""

import os
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import django
import fasteners

from batchsite.command_line import report_failure
from batchsite.embedded_postgres import server
from batchsite.environment import Environment, EnvironmentFault, read_environment
from batchsite.leftovers import end_leftovers, kill_leftovers
from batchsite.programs import programs
from batchsite.sandbox import stop_if_unused
from batchsite.supervision import RunFault, Supervisor
from batchsite.web_address import local_url

READY_SECONDS = 60


class Stopped(Exception):
    """A person asked to stop before everything ran."""


class StopSignals:
    """Ctrl-C, SIGTERM and a closed terminal ask to stop, between two steps; a second one insists."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.times = 0
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._heard)

    def _heard(self, number: int, frame: FrameType | None) -> None:
        self.times += 1
        self.asked.set()

    def check(self) -> None:
        if self.asked.is_set():
            raise Stopped


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "batchsite.settings")
    signals = StopSignals()
    try:
        run(read_environment(), signals)
    except EnvironmentFault as fault:
        print(fault, file=sys.stderr)
        return 2
    except (RunFault, server.ServerFault) as fault:
        print(fault, file=sys.stderr)
        return 1
    except Stopped:
        pass
    except Exception as error:  # the last one who can keep a stack trace from a person
        report_failure(error)
        return 1
    say("Stopped.")
    return 0


def run(environment: Environment, signals: StopSignals) -> None:
    """The whole life of one run. Raises RunFault, ServerFault, EnvironmentFault, Stopped."""
    with only_run(environment.home):
        if count := end_leftovers(environment.home):
            say(f"An earlier run was ended from outside; {count} processes that it left are stopped now.")
        refuse_taken_port(environment)
        django.setup()
        with database_of_the_run():
            for step in (migrate, collect_static_files, make_first_admin):
                step()
                signals.check()
            supervise(environment, signals)


@contextmanager
def only_run(home: Path) -> Iterator[None]:
    """Holds the folder; the lock ends with this process, however that ends."""
    folder = home / "run"
    folder.mkdir(parents=True, exist_ok=True)
    lock = fasteners.InterProcessLock(folder / "lock")
    if not lock.acquire(blocking=False):
        raise RunFault(
            f"Nightshift already runs from {home}: stop that first, or set NIGHTSHIFT_HOME and PORT for a second one."
        )
    try:
        yield
    finally:
        lock.release()


def refuse_taken_port(environment: Environment) -> None:
    family = socket.AF_INET6 if ":" in environment.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((environment.host, environment.port))
        except OSError as error:
            reason = error.strerror or str(error)
            raise RunFault(
                f"The web server cannot listen on {environment.host}, port {environment.port} ({reason.lower()}): "
                "choose another with PORT=8001 make run, or HOST for the interface."
            ) from error


@contextmanager
def database_of_the_run() -> Iterator[None]:
    """The embedded server starts with the first connection; at the end it is stopped, unless others use it."""
    from django.conf import settings
    from django.db import connections

    data = settings.DATABASES["default"].get("EMBEDDED_DATA")
    try:
        yield
    finally:
        connections.close_all()
        if data and not until(lambda: server.stop(data), seconds=5):
            say("PostgreSQL keeps running: others are connected to it.")


def migrate() -> None:
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    pending = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    call_command("migrate", interactive=False, verbosity=0)
    name = connection.settings_dict["NAME"]
    say(f"Database {name}: {f'{pending} migrations applied' if pending else 'up to date'}.")


def collect_static_files() -> None:
    from django.core.management import call_command

    call_command("collectstatic", interactive=False, verbosity=0)


def make_first_admin() -> None:
    """Its password is printed here and nowhere else, and only its hash is kept."""
    from django.contrib.auth import get_user_model

    users = get_user_model()._default_manager
    if users.exists():
        return
    password = secrets.token_urlsafe(12)
    get_user_model().objects.create_superuser(username="admin", password=password)
    say(f"First user: admin, password: {password}   (shown only this once)")


def supervise(environment: Environment, signals: StopSignals) -> None:
    """Starts the programs, waits until each answers, then until somebody stops them."""
    supervisor = Supervisor(environment, programs(environment))
    with ended_at_last(supervisor, signals):
        supervisor.start()
        until(lambda: supervisor.all_ready() or signals.asked.is_set(), seconds=READY_SECONDS)
        signals.check()
        supervisor.refuse_unready(READY_SECONDS)
        greet(environment)
        while not signals.asked.wait(0.5):
            supervisor.refuse_dead()
        signals.check()


@contextmanager
def ended_at_last(supervisor: Supervisor, signals: StopSignals) -> Iterator[None]:
    """Asks all programs to finish what they do, and ends them at once where the person asks a second time."""
    try:
        yield
    finally:
        supervisor.ask_to_stop()
        patience, asked_before = time.monotonic() + 5, signals.times
        told = False
        while supervisor.is_running():
            if signals.times > max(asked_before, 1):
                kill_leftovers(supervisor.home)
            elif not told and time.monotonic() > patience:
                say("Waiting for work that is under way; Ctrl-C once more ends it at once.")
                told = True
            time.sleep(0.1)
        kill_leftovers(supervisor.home)
        stop_if_unused(supervisor.home)


def greet(environment: Environment) -> None:
    say(
        f"Nightshift runs at {environment.public_url or local_url(environment)}/ - sign in there, Ctrl-C here stops it."
    )
    if not environment.has_credentials:
        say("It works with the sandbox: answers are make-believe and cost nothing. ANTHROPIC_API_KEY makes it real.")
    say(f"State and logs are in {environment.home}.")


def say(sentence: str) -> None:
    with suppress(BrokenPipeError):  # whoever read this is gone; the installation is not
        print(sentence, flush=True)


def until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Asks again and again; False when the time is over."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


if __name__ == "__main__":
    sys.exit(main())
