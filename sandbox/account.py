"""What was charged, kept apart from everything else: the judge of "every dollar once".

A database of its own. A batch is charged in one transaction that also notes its id, so charging it again after a crash
changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from sandbox.store import Database

SCHEMA = """
CREATE TABLE IF NOT EXISTS charged_batches (id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS documents (key INTEGER PRIMARY KEY, times INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS custom_ids (key INTEGER PRIMARY KEY, times INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS documents_again ON documents (times) WHERE times > 1;
CREATE INDEX IF NOT EXISTS custom_ids_again ON custom_ids (times) WHERE times > 1;
CREATE TABLE IF NOT EXISTS totals (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""
USD_PER_PICODOLLAR = Decimal("1e-12")


@dataclass
class Charge:
    """What one batch, or one real-time call, adds. Keys are 64-bit; `picodollars` leaves out unpriced requests."""

    documents: list[int] = field(default_factory=list)
    custom_ids: list[int] = field(default_factory=list)
    picodollars: int = 0
    unpriced: int = 0


class Account:
    def __init__(self, folder: Path) -> None:
        self._database = Database(folder / "account.sqlite", SCHEMA)

    def close(self) -> None:
        self._database.close()

    def charge_batch(self, batch_id: str, charge: Charge) -> None:
        """Once per batch, however often it is called."""
        with self._database.transaction() as connection:
            noted = connection.execute("INSERT OR IGNORE INTO charged_batches VALUES (?)", (batch_id,)).rowcount
            if noted:
                self._add(connection, charge)

    def charge_message(self, charge: Charge) -> None:
        """One accepted real-time call; an empty charge for one that cost nothing."""
        with self._database.transaction() as connection:
            self._add(connection, charge)
            _add_total(connection, "messages_accepted", 1)

    def summary(self, accepted: dict[str, int]) -> dict[str, Any]:
        totals = dict(self._database.rows("SELECT name, value FROM totals"))
        return {
            "batches_accepted": accepted["batches"],
            "requests_accepted": accepted["requests"],
            "messages_accepted": totals.get("messages_accepted", 0),
            "foreign_batches": accepted["foreign_batches"],
            "open_batches": accepted["open_batches"],
            "requests_charged": totals.get("requests_charged", 0),
            "documents_charged": self._count("documents"),
            "charged_more_than_once": self._count("documents", "WHERE times > 1"),
            "custom_ids_charged_more_than_once": self._count("custom_ids", "WHERE times > 1"),
            "charged_usd": f"{totals.get('picodollars', 0) * USD_PER_PICODOLLAR:.12f}",
            "unpriced_requests": totals.get("unpriced_requests", 0),
        }

    def _count(self, table: str, where: str = "") -> int:
        return int(self._database.rows(f"SELECT count(*) FROM {table} {where}")[0][0])

    def _add(self, connection: Any, charge: Charge) -> None:
        _add_keys(connection, "documents", charge.documents)
        _add_keys(connection, "custom_ids", charge.custom_ids)
        _add_total(connection, "requests_charged", len(charge.documents))
        _add_total(connection, "picodollars", charge.picodollars)
        _add_total(connection, "unpriced_requests", charge.unpriced)


def _add_keys(connection: Any, table: str, keys: Iterable[int]) -> None:
    # Sorted keys touch each page of the tree once, in order.
    connection.executemany(
        f"INSERT INTO {table} VALUES (?, 1) ON CONFLICT (key) DO UPDATE SET times = times + 1",
        ((key,) for key in sorted(keys)),
    )


def _add_total(connection: Any, name: str, value: int) -> None:
    connection.execute(
        "INSERT INTO totals VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
        (name, value),
    )
