"""What survives a restart: sqlite for rows and settings, files for bodies and results.

    DIR/lock               held while a sandbox runs on this folder
    DIR/sandbox.sqlite     batches, settings, attempts
    DIR/account.sqlite     what was charged (account.py)
    DIR/bodies/ID.json     the body of a create call, with ID.index beside it, until its batch has ended
    DIR/results/ID.jsonl   the result lines of an ended batch

A file is complete under its final name before a row speaks of it; files without a row are swept at the start. So a
SIGKILL at any moment leaves either a batch that exists or one that never did.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox import codec
from sandbox.splitting import RequestIndex

SCHEMA = """
CREATE TABLE IF NOT EXISTS batches (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    workspace TEXT NOT NULL,
    is_foreign INTEGER NOT NULL,
    total INTEGER NOT NULL,
    created INTEGER NOT NULL,
    seconds REAL NOT NULL,
    caller TEXT NOT NULL,
    rates TEXT NOT NULL,
    cancel_initiated INTEGER,
    ended INTEGER,
    succeeded INTEGER NOT NULL DEFAULT 0,
    errored INTEGER NOT NULL DEFAULT 0,
    canceled INTEGER NOT NULL DEFAULT 0,
    expired INTEGER NOT NULL DEFAULT 0,
    is_deleted INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS batches_by_workspace ON batches (workspace, number);
CREATE INDEX IF NOT EXISTS open_batches ON batches (number) WHERE ended IS NULL;
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS attempts (document INTEGER PRIMARY KEY, times INTEGER NOT NULL);
"""
COLUMNS = (
    "number, id, workspace, is_foreign, total, created, seconds, caller, rates, cancel_initiated, ended, "
    "succeeded, errored, canceled, expired, is_deleted"
)
# Later than any time and above any number.
FOREVER = 2**62


class StateInUseError(RuntimeError):
    """Another sandbox holds the state folder; the message is one sentence for a person."""


@dataclass(frozen=True)
class BatchRow:
    """Times are microseconds since 1970; `caller` and `rates` are JSON, frozen at creation."""

    number: int
    id: str
    workspace: str
    is_foreign: int
    total: int
    created: int
    seconds: float
    caller: str
    rates: str
    cancel_initiated: int | None
    ended: int | None
    succeeded: int
    errored: int
    canceled: int
    expired: int
    is_deleted: int


class Database:
    """One sqlite file, one connection, one lock. A commit survives a killed process; a power cut is not considered."""

    def __init__(self, path: Path, schema: str) -> None:
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(schema)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def rows(self, sql: str, values: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._connection.execute(sql, tuple(values)).fetchall()

    def close(self) -> None:
        with self._lock:
            self._connection.close()


class Store:
    def __init__(self, folder: Path) -> None:
        """Raises StateInUseError if another process holds the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._lock_file = _lock(folder)
        self.bodies = folder / "bodies"
        self.results = folder / "results"
        self.bodies.mkdir(exist_ok=True)
        self.results.mkdir(exist_ok=True)
        self._database = Database(folder / "sandbox.sqlite", SCHEMA)
        self._sweep()

    def close(self) -> None:
        self._database.close()
        self._lock_file.close()

    def body_path(self, batch_id: str) -> Path:
        return self.bodies / f"{batch_id}.json"

    def index_path(self, batch_id: str) -> Path:
        return self.bodies / f"{batch_id}.index"

    def results_path(self, batch_id: str) -> Path:
        return self.results / f"{batch_id}.jsonl"

    def accept(self, batch: BatchRow, spooled: Path, index: RequestIndex) -> None:
        """Keep the spooled body under its name and commit the row. `batch.number` is given by the database."""
        with open(self.index_path(batch.id), "wb") as file:
            index.starts.tofile(file)
            index.lengths.tofile(file)
        os.replace(spooled, self.body_path(batch.id))
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO batches (id, workspace, is_foreign, total, created, seconds, caller, rates) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    batch.id,
                    batch.workspace,
                    batch.is_foreign,
                    batch.total,
                    batch.created,
                    batch.seconds,
                    batch.caller,
                    batch.rates,
                ),
            )

    def read_index(self, batch: BatchRow) -> RequestIndex:
        starts, lengths = array("Q"), array("Q")
        with open(self.index_path(batch.id), "rb") as file:
            starts.fromfile(file, batch.total)
            lengths.fromfile(file, batch.total)
        return RequestIndex(starts, lengths)

    def batch(self, batch_id: str) -> BatchRow | None:
        found = self._select("WHERE id = ?", (batch_id,))
        return found[0] if found else None

    def open_batches(self) -> list[BatchRow]:
        return self._select("WHERE ended IS NULL ORDER BY number")

    def newest(
        self, workspace: str, limit: int, older_than: int | None, created_until: int = FOREVER
    ) -> list[BatchRow]:
        """Newest first. `older_than` is a row number, `created_until` a time."""
        return self._select(
            "WHERE workspace = ? AND NOT is_deleted AND number < ? AND created <= ? ORDER BY number DESC LIMIT ?",
            (workspace, older_than if older_than is not None else FOREVER, created_until, limit),
        )

    def next_newer(self, workspace: str, limit: int, newer_than: int, created_until: int = FOREVER) -> list[BatchRow]:
        """The rows just above `newer_than`, nearest first."""
        return self._select(
            "WHERE workspace = ? AND NOT is_deleted AND number > ? AND created <= ? ORDER BY number LIMIT ?",
            (workspace, newer_than, created_until, limit),
        )

    def begin_cancel(self, batch_id: str, now: int) -> None:
        """Does nothing to a batch that is being canceled already or has ended."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE batches SET cancel_initiated = ? WHERE id = ? AND cancel_initiated IS NULL AND ended IS NULL",
                (now, batch_id),
            )

    def end(self, batch_id: str, ended: int, counts: dict[str, int], attempted: Iterable[int]) -> None:
        """Commit the end of a batch; its results file is complete. `attempted` are document keys."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE batches SET ended = ?, succeeded = ?, errored = ?, canceled = ?, expired = ? WHERE id = ?",
                (ended, counts["succeeded"], counts["errored"], counts["canceled"], counts["expired"], batch_id),
            )
            _count_attempts(connection, attempted)

    def remove_body(self, batch_id: str) -> None:
        self.body_path(batch_id).unlink(missing_ok=True)
        self.index_path(batch_id).unlink(missing_ok=True)

    def delete(self, batch_id: str) -> None:
        """The row stays, marked: the account still counts it and its id stays a valid place in the list."""
        with self._database.transaction() as connection:
            connection.execute("UPDATE batches SET is_deleted = 1 WHERE id = ?", (batch_id,))
        self.results_path(batch_id).unlink(missing_ok=True)

    def accepted(self) -> dict[str, int]:
        (row,) = self._database.rows(
            "SELECT count(*) FILTER (WHERE NOT is_foreign), coalesce(sum(total) FILTER (WHERE NOT is_foreign), 0), "
            "count(*) FILTER (WHERE is_foreign), count(*) FILTER (WHERE ended IS NULL) FROM batches"
        )
        return dict(zip(("batches", "requests", "foreign_batches", "open_batches"), row, strict=True))

    def attempts(self, document: int) -> int:
        rows = self._database.rows("SELECT times FROM attempts WHERE document = ?", (document,))
        return int(rows[0][0]) if rows else 0

    def count_attempt(self, document: int) -> None:
        with self._database.transaction() as connection:
            _count_attempts(connection, (document,))

    def setting(self, name: str) -> Any:
        rows = self._database.rows("SELECT value FROM settings WHERE name = ?", (name,))
        return codec.loads(rows[0][0].encode()) if rows else None

    def save_setting(self, name: str, value: Any) -> None:
        with self._database.transaction() as connection:
            connection.execute("REPLACE INTO settings (name, value) VALUES (?, ?)", (name, codec.dumps(value).decode()))

    def _select(self, where: str, values: Iterable[Any] = ()) -> list[BatchRow]:
        sql = f"SELECT {COLUMNS} FROM batches {where}"
        return [BatchRow(*row) for row in self._database.rows(sql, values)]

    def _sweep(self) -> None:
        """Remove what a killed process left behind: half bodies, bodies of ended batches, half results."""
        still_open = {row.id for row in self.open_batches()}
        for path in self.bodies.iterdir():
            if path.stem not in still_open:
                path.unlink()
        for path in self.results.iterdir():
            row = self.batch(path.stem)
            if row is None or row.ended is None or row.is_deleted:
                path.unlink()


def _count_attempts(connection: sqlite3.Connection, documents: Iterable[int]) -> None:
    connection.executemany(
        "INSERT INTO attempts VALUES (?, 1) ON CONFLICT (document) DO UPDATE SET times = times + 1",
        ((document,) for document in documents),
    )


def _lock(folder: Path) -> Any:
    file = open(folder / "lock", "a")  # noqa: SIM115 - held until the process ends
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise StateInUseError(f"Another sandbox is running on the state folder {folder}.") from error
    return file
