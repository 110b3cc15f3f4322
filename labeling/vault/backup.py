"""One file from one instant: a snapshot of the database, then the uploaded files that it names.

Work goes on meanwhile. Files are named by what is in them and never change, so those that the snapshot names
can be copied after it. The file gets its name only when it is complete and was read again.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from batchsite.api_address import api_address
from labeling import store
from labeling.configuration import installation
from labeling.vault import tables
from labeling.vault.archive import PIECE, Archive, Writer


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup holds. Files that were missing or damaged are in it as such, by their hash."""

    made_at: datetime
    tables: int
    rows: int
    files: int
    missing: tuple[str, ...]
    bytes: int


def back_up(path: Path, say: Callable[[str], None] = lambda _: None) -> Backup:
    """Write the backup, read it again, and give it its name. Raises OSError where it cannot be written."""
    installation()  # made with the first need: a backup without it would not know its own batches again
    with _under_another_name(path) as file:
        writer = Writer(file)
        about, hashes = _database(writer, say)
        say(f"{len(hashes):,} uploaded files are copied.")
        missing = [sha256 for sha256 in hashes if not _file(writer, sha256)]
        writer.close({**about, "missing_files": missing})
        file.flush()
        os.fsync(file.fileno())
        say("The backup is read again.")
        return look_at(Path(file.name))


def look_at(path: Path) -> Backup:
    """Read a backup to its end. Raises BackupRefused where something in it is not as it was written."""
    with Archive(path) as archive:
        archive.verify()
        of_tables = [member for name, member in archive.members.items() if name.startswith("tables/")]
        files = [name for name in archive.members if name.startswith("files/")]
        return Backup(
            made_at=datetime.fromisoformat(archive.manifest["made_at"]),
            tables=len(of_tables),
            rows=sum(member["rows"] for member in of_tables),
            files=len(files),
            missing=tuple(archive.manifest.get("missing_files", ())),
            bytes=path.stat().st_size,
        )


@contextmanager
def _under_another_name(path: Path) -> Iterator[IO[bytes]]:
    """A file beside the path, for the owner's eyes only, that takes its place when the block ends well."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            yield file
            os.replace(file.name, path)
            _sync_folder(path.parent)
        finally:
            Path(file.name).unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Makes the new name itself survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _database(writer: Writer, say: Callable[[str], None]) -> tuple[dict[str, Any], list[str]]:
    """Every table as it was at one instant; what the manifest says of it, and the hashes of the files it names."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        kept = {table: tables.columns(table) for table in tables.kept()}
        made_at = timezone.now()
        for table, columns in kept.items():
            say(f"{table} is copied.")
            with writer.member(f"tables/{table}") as member:
                for chunk in tables.rows_out(table, columns):
                    member.write(chunk)
                    member.rows += bytes(chunk).count(b"\n")
        about = {
            "made_at": made_at.isoformat(),
            "database": connection.settings_dict["NAME"],
            "is_sandbox": api_address().is_sandbox,
            "migrations": sorted(MigrationRecorder(connection).applied_migrations()),
            "tables": kept,
        }
        return about, _hashes()


def _hashes() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT sha256 FROM labeling_upload ORDER BY 1")
        return [sha256 for (sha256,) in cursor.fetchall()]


def _file(writer: Writer, sha256: str) -> bool:
    """Copy one uploaded file; False, with nothing in the backup, where it is not there or not what it was."""
    path, digest = store.upload_path(sha256), hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(PIECE):
                digest.update(chunk)
            if digest.hexdigest() != sha256:
                return False
            file.seek(0)
            with writer.member(f"files/{sha256}") as member:
                while chunk := file.read(PIECE):
                    member.write(chunk)
    except FileNotFoundError:
        return False
    return True
