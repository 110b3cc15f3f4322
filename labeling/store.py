"""Files under NIGHTSHIFT_HOME: uploads by their hash, bodies on their way out, exports."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from django.conf import settings


class DiskLow(Exception):
    """Less disk is free than NIGHTSHIFT_MIN_FREE_BYTES."""


def folder(name: str) -> Path:
    path = Path(settings.NIGHTSHIFT_HOME) / name
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def upload_path(sha256: str) -> Path:
    return folder("uploads") / sha256[:2] / sha256


def free_bytes() -> int:
    return shutil.disk_usage(settings.NIGHTSHIFT_HOME).free


def require_free(least: int) -> None:
    """Raise DiskLow with a sentence when less than `least` bytes are free."""
    free = free_bytes()
    if free < least:
        raise DiskLow(f"Only {free:,} bytes of disk are free; {least:,} are wanted.")


@contextmanager
def temporary_file(name: str) -> Iterator[IO[bytes]]:
    """A file in a folder of its own kind that is gone at the end, unless it was moved away."""
    with NamedTemporaryFile(dir=folder(name), delete=False) as file:
        try:
            yield file
        finally:
            Path(file.name).unlink(missing_ok=True)


def keep(file: IO[bytes], path: Path) -> None:
    """Move a temporary file to its lasting place, durable before this returns."""
    file.flush()
    os.fsync(file.fileno())
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.replace(file.name, path)


def sweep_temporary(older_than: float) -> int:
    """Remove what killed processes left on its way in or out, `older_than` seconds; returns how many files."""
    before, gone = time.time() - older_than, 0
    for name in ("spool", "tmp"):
        for path in folder(name).iterdir():
            if path.is_file() and path.stat().st_mtime < before:
                path.unlink(missing_ok=True)
                gone += 1
    return gone
