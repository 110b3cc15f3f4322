"""The file of a backup: a zip, written as a stream, with a manifest of checksums as its last member.

Knows bytes and names only. A zip because a member's size need not be known before it is written, one member
can be read without the others, and every machine can look into it.
"""

import hashlib
import json
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any

FORMAT = "nightshift backup"
FORMAT_VERSION = 1
MANIFEST = "manifest.json"
PIECE = 1 << 20


class BackupRefused(Exception):
    """The file is no usable backup; the message is a sentence for a person."""


class Writer:
    """Members are written one after the other; closing it writes what makes the file a backup."""

    def __init__(self, file: IO[bytes]) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, allowZip64=True, compresslevel=1)
        self._members: dict[str, dict[str, Any]] = {}

    @contextmanager
    def member(self, name: str) -> Iterator["Member"]:
        with self._zip.open(name, "w", force_zip64=True) as stream:
            member = Member(stream)
            yield member
            member.flush()
        self._members[name] = {"sha256": member.sha256, "bytes": member.bytes, "rows": member.rows}

    def close(self, about: dict[str, Any]) -> None:
        """The manifest, with what there is to know about the backup beside its members."""
        manifest = {"format": FORMAT, "version": FORMAT_VERSION, **about, "members": self._members}
        self._zip.writestr(MANIFEST, json.dumps(manifest, indent=1, default=str))
        self._zip.close()


class Member:
    """What is written into one member, counted and hashed."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._digest, self._waiting = stream, hashlib.sha256(), bytearray()
        self.bytes = self.rows = 0

    def write(self, data: bytes | memoryview) -> None:
        self._waiting += data
        if len(self._waiting) >= PIECE:
            self.flush()

    def flush(self) -> None:
        self._stream.write(self._waiting)
        self._digest.update(self._waiting)
        self.bytes += len(self._waiting)
        self._waiting.clear()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


class Archive:
    """A backup that is read. Opening it raises BackupRefused for what is none; `verify` reads all of it."""

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
            self.manifest: dict[str, Any] = json.loads(self._zip.read(MANIFEST))
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise BackupRefused(f"{path} is no complete backup: {_first_line(error)}.") from error
        except (KeyError, ValueError) as error:
            raise BackupRefused(f"{path} is a zip, and no backup of Nightshift.") from error
        self._require_known(path)

    def __enter__(self) -> "Archive":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._zip.close()

    @property
    def members(self) -> dict[str, dict[str, Any]]:
        return dict(self.manifest["members"])

    def chunks(self, name: str) -> Iterator[bytes]:
        """The bytes of a member. Raises BackupRefused where they cannot be read."""
        try:
            with self._zip.open(name) as stream:
                while chunk := stream.read(PIECE):
                    yield chunk
        except (zipfile.BadZipFile, zlib.error, EOFError, KeyError) as error:
            raise BackupRefused(f"The part {name} of the backup is damaged: {_first_line(error)}.") from error

    def verify(self) -> None:
        """Every member is there, nothing else is, and each has the bytes that it had. Raises BackupRefused."""
        names = sorted(self._zip.namelist())
        if names != sorted([*self.members, MANIFEST]):
            raise BackupRefused("The backup has other parts than its manifest says.")
        for name, known in self.members.items():
            digest = hashlib.sha256()
            for chunk in self.chunks(name):
                digest.update(chunk)
            if digest.hexdigest() != known["sha256"]:
                raise BackupRefused(f"The part {name} of the backup is damaged: its checksum differs.")

    def _require_known(self, path: Path) -> None:
        if not isinstance(self.manifest, dict) or self.manifest.get("format") != FORMAT:
            raise BackupRefused(f"{path} is a zip, and no backup of Nightshift.")
        if self.manifest.get("version") != FORMAT_VERSION:
            raise BackupRefused(
                f"{path} has the format {self.manifest.get('version')}, and this Nightshift reads {FORMAT_VERSION}: "
                "restore it with the version that made it, or a newer one."
            )
        wanted = {"made_at": str, "is_sandbox": bool, "migrations": list, "tables": dict, "members": dict}
        if not all(isinstance(self.manifest.get(name), kind) for name, kind in wanted.items()):
            raise BackupRefused(f"The manifest of {path} is damaged.")


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
