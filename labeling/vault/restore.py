"""A backup becomes the installation, whole or not at all.

The file is read to its end first. Then one transaction takes away the tables that are there, makes those of
the backup's migrations, fills them, goes on to the migrations of this version, and closes the gate of
everything: whoever connects afterwards finds the restored installation, and nothing leaves it.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from batchsite.api_address import api_address
from labeling import activity, faults, ledger, store
from labeling.models import Restoration
from labeling.transitions import restorations
from labeling.vault import tables
from labeling.vault.archive import Archive, BackupRefused

PATIENCE_SECONDS = 3
"""A connection that was just closed is counted until its backend has ended."""

IDS_AHEAD = {"labeling_document": 1_000_000}
"""Ids that documents may have got since the backup are not given to others: their result lines carry them."""


class PlaceRefused(Exception):
    """This installation cannot be replaced like this; the message is a sentence for a person."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back. `balances`: whether the book does."""

    restoration: Restoration
    rows: int
    files: int
    balances: bool


def restore(path: Path, *, replace: str | None, by: str, say: Callable[[str], None] = lambda _: None) -> Restored:
    """Raises BackupRefused for the file and PlaceRefused for the place; then nothing was changed.

    `replace` is the name of the database in use, for an installation that is not empty.
    """
    with Archive(path) as archive:
        say("The backup is read to its end first.")
        archive.verify()
        _require_fitting(archive)
        _require_place(replace)
        with _files_in_place(archive, say) as files, transaction.atomic():
            rows = _fill(archive, say)
            restoration = restorations.begin(
                backup_name=path.name,
                made_at=datetime.fromisoformat(archive.manifest["made_at"]),
                by=by,
                now=timezone.now(),
            )
            activity.record(
                by, f"Restored {path.name}, made {restoration.backup_made_at:%Y-%m-%d %H:%M} UTC", "restored"
            )
            faults.reach("restore: filled")
            balances = all(identity.holds for identity in ledger.identities())
    ContentType.objects.clear_cache()
    # What lies beside the rows: schedules, roles, permissions.
    call_command("migrate", interactive=False, verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return Restored(restoration, rows, files, balances)


def _require_fitting(archive: Archive) -> None:
    if archive.manifest["is_sandbox"] != api_address().is_sandbox:
        kinds = ("the real API", "the sandbox")
        made, here = archive.manifest["is_sandbox"], api_address().is_sandbox
        raise BackupRefused(
            f"The backup is of an installation of {kinds[made]}, and this one works with {kinds[here]}: "
            "their labels and their money must not mix."
        )
    here_known = set(MigrationExecutor(connection).loader.disk_migrations)
    newer = sorted(f"{app}.{name}" for app, name in _migrations(archive) if (app, name) not in here_known)
    if newer:
        raise BackupRefused(
            f"The backup was made by a newer Nightshift ({newer[-1]} is not known here): update first, then restore."
        )
    for table in archive.manifest["tables"]:
        if (
            not table.startswith(tables.PREFIXES)
            or table in tables.NOT_KEPT
            or f"tables/{table}" not in archive.members
        ):
            raise BackupRefused(f"The manifest of the backup is damaged: {table!r} is no table of it.")


def _require_place(replace: str | None) -> None:
    others = _others()
    if others:
        raise PlaceRefused(
            f"{others} other {'connection uses' if others == 1 else 'connections use'} this database: "
            "stop Nightshift with all its workers first, then restore."
        )
    name = connection.settings_dict["NAME"]
    if replace is not None and replace != name:
        raise PlaceRefused(f"This installation's database is {name!r}, not {replace!r}: nothing was replaced.")
    if replace is None and not _is_empty():
        raise PlaceRefused(
            f"There are tasks or uploads here already. To replace everything that is here, say --replace {name}"
        )


def _others() -> int:
    """Connections of the same user to this database, whoever holds them: web servers and workers keep theirs."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND usename = current_user AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
            (others,) = cursor.fetchone()
        if not others or time.monotonic() > deadline:
            return int(others)
        time.sleep(0.1)


def _is_empty() -> bool:
    """No task, no upload, no batch; users and settings of a first start do not count."""
    there = set(tables.names())
    with connection.cursor() as cursor:
        for table in {"labeling_labelingtask", "labeling_upload", "labeling_batch"} & there:
            cursor.execute(f"SELECT EXISTS (SELECT 1 FROM {table})")
            if cursor.fetchone()[0]:
                return False
    return True


@contextmanager
def _files_in_place(archive: Archive, say: Callable[[str], None]) -> Iterator[int]:
    """The uploaded files under their hashes; those that were not there before go again if the block fails."""
    fresh: list[Path] = []
    names = [name for name in archive.members if name.startswith("files/")]
    try:
        for name in names:
            sha256 = name.removeprefix("files/")
            if archive.members[name]["sha256"] != sha256:
                raise BackupRefused(f"The part {name} of the backup is not the file that it is named after.")
            path = store.upload_path(sha256)
            if path.exists():
                continue
            with store.temporary_file("uploads") as file:
                for chunk in archive.chunks(name):
                    file.write(chunk)
                store.keep(file, path)
            fresh.append(path)
        say(f"{len(names):,} uploaded files are in place.")
        yield len(names)
    except BaseException:
        for path in fresh:
            path.unlink(missing_ok=True)
        raise


def _fill(archive: Archive, say: Callable[[str], None]) -> int:
    """The tables of the backup as its migrations made them, its rows, then the migrations of this version."""
    tables.drop_all()
    executor = MigrationExecutor(connection)
    executor.migrate(_newest(_migrations(archive)))
    tables.empty_all()
    kept: dict[str, list[str]] = archive.manifest["tables"]
    _require_columns(kept)
    tables.set_triggers(kept, on=False)
    for table, columns in kept.items():
        say(f"{table} is restored.")
        tables.rows_in(table, columns, archive.chunks(f"tables/{table}"))
    tables.set_triggers(kept, on=True)
    tables.set_sequences(kept, ahead=IDS_AHEAD)
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())
    return sum(archive.members[f"tables/{table}"]["rows"] for table in kept)


def _migrations(archive: Archive) -> list[tuple[str, str]]:
    """Of apps that are installed here: what others left in the database says nothing."""
    labels = {config.label for config in apps.get_app_configs()}
    return [(app, name) for app, name in archive.manifest["migrations"] if app in labels]


def _newest(applied: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The last migration of each app; of two that stand side by side both."""
    nodes = MigrationExecutor(connection).loader.graph.node_map
    known = [key for key in applied if key in nodes]
    return [
        key for key in known if not any(child.key in known for child in nodes[key].children if child.key[0] == key[0])
    ]


def _require_columns(kept: dict[str, list[str]]) -> None:
    for table, columns in kept.items():
        if sorted(tables.columns(table)) != sorted(columns):
            raise BackupRefused(f"The backup's table {table} has other columns than its migrations make.")


def user_of_this_machine() -> str:
    """Who runs a command, as the machine knows him."""
    import getpass

    try:
        return f"{getpass.getuser()} (restore)"
    except (KeyError, OSError):
        return f"user {os.getuid()} (restore)"
