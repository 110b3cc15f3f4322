"""A request body that stops itself in time for the deadline of its call."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Self

import httpx2

from labeling import faults

CHUNK_BYTES = 65_536
WRITE_SECONDS = 30.0
"""How long one chunk of a body may take to leave."""


class BodyUntil:
    """A request body read from a file that stops itself in time for the deadline.

    It looks at the wall clock before each chunk it hands out, because only that clock goes on while
    a machine is suspended, and at the steady clock, because the wall clock may be set back. It stops
    as long before the deadline as one chunk may take to leave. What has stopped lacks its last chunk:
    with an exact Content-Length no server takes it for complete.
    """

    def __init__(self, path: Path, deadline: datetime) -> None:
        self._file: BinaryIO = path.open("rb")
        self._deadline = deadline
        self._steady_deadline = time.monotonic() + self._wall_seconds_left()
        self._timeouts: dict[str, float | None] = {}
        self.write_seconds = max(0.1, min(WRITE_SECONDS, self.seconds_left() / 10))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def seconds_left(self) -> float:
        return min(self._wall_seconds_left(), self._steady_deadline - time.monotonic())

    def watch(self, request: httpx2.Request) -> None:
        """Keep the timeouts of the request that is about to be sent, to shorten the wait for its
        answer by the time that its body took: the deadline is one for the whole call."""
        self._timeouts = request.extensions["timeout"]

    def read(self, size: int = -1) -> bytes:
        chunk = self._file.read(size)
        faults.reach("create: body begun" if chunk else "create: body sent")
        # Looked at last: reading may take long on a busy disk, and a machine may be suspended meanwhile.
        left = self.seconds_left()
        if chunk and left <= self.write_seconds:
            raise TimeoutError("the time for the create call was over before its body was sent")
        self._timeouts["read"] = max(left, 0.1)
        return chunk

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self.read(CHUNK_BYTES), b"")

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def _wall_seconds_left(self) -> float:
        return (self._deadline - datetime.now(UTC)).total_seconds()
