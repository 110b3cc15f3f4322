"""An installation that is backed up, goes on, and is put back: what every test of a restore begins with."""

from pathlib import Path
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from tests.faults.house import House

MAPPING = ("restored: listed", "restored: lines read@2", "restored: mapping", "restored: mapped")
"""Where test_restore kills the look-up of what left since a backup."""

FILLING = "restore: filled"
"""Where tests/test_backup.py kills a restore, which then has changed nothing."""


def backed_up(house: House) -> Path:
    path = house.home / "evening.backup"
    assert house.run("backup", str(path)) == 0, house.said()
    return path


def put_back(house: House, path: Path) -> None:
    """As it was when the backup was made; the sandbox knows what left since."""
    assert house.run("restore", str(path), "--replace", database_of(house)) == 0, house.said()


def database_of(house: House) -> str:
    assert house.address
    return str(conninfo_to_dict(house.address)["dbname"])


def looked_up(house: House) -> None:
    """What left is found; the run ends because a person must settle the rest."""
    assert house.until_idle() == 1, house.said()


def settled(house: House) -> None:
    status: dict[str, Any] = house.status()
    assert house.run("settle_restore", str(status["restored"]["waiting"])) == 0, house.said()
