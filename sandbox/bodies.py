"""Read the body of a request in pieces: Content-Length or chunked, into memory or into a file, never beyond a limit."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import BinaryIO, Protocol

from sandbox.errors import ApiError, invalid

PIECE = 262_144
MOST_DRAINED = 1_500_000_000
LONGEST_CHUNK_LINE = 1000


class ClientGoneError(Exception):
    """The connection ended before the body did: nobody waits for an answer, nothing was accepted."""


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...

    def readline(self, size: int, /) -> bytes: ...


class RequestBody:
    def __init__(self, stream: Readable, headers: Message) -> None:
        """Raises ApiError for a Content-Length that is not a number."""
        self._stream = stream
        chunked = headers.get("Transfer-Encoding", "").lower().endswith("chunked")
        length = headers.get("Content-Length", "0").strip()
        if not length.isascii() or not length.isdigit():
            raise invalid("Content-Length: not a number")
        self.is_finished = not chunked and int(length) == 0
        self._pieces = self._chunked() if chunked else self._sized(int(length))

    def read(self, limit: int) -> bytes:
        """The whole body in memory. Raises ApiError (413) over `limit` bytes."""
        return b"".join(self._limited(limit))

    def spool(self, folder: Path, limit: int) -> Path:
        """The whole body in a new file of `folder`. Over `limit` bytes: ApiError (413), and no file is left."""
        handle, name = tempfile.mkstemp(prefix="incoming-", suffix=".json", dir=folder)
        try:
            with open(handle, "wb") as file:
                for piece in self._limited(limit):
                    file.write(piece)
        except BaseException:
            os.unlink(name)
            raise
        return Path(name)

    def drain(self) -> bool:
        """Read and forget the rest, so that the client can read the answer. False if there is too much of it."""
        drained = 0
        for piece in self._pieces:
            drained += len(piece)
            if drained > MOST_DRAINED:
                return False
        return True

    def _limited(self, limit: int) -> Iterator[bytes]:
        received = 0
        for piece in self._pieces:
            received += len(piece)
            if received > limit:
                raise ApiError("request_too_large", "Request exceeds the maximum size")
            yield piece

    def _sized(self, length: int) -> Iterator[bytes]:
        while length:
            piece = self._piece(min(PIECE, length))
            length -= len(piece)
            self.is_finished = length == 0
            yield piece

    def _chunked(self) -> Iterator[bytes]:
        while size := self._chunk_size():
            while size:
                piece = self._piece(min(PIECE, size))
                size -= len(piece)
                yield piece
            self._stream.readline(LONGEST_CHUNK_LINE)
        while self._stream.readline(LONGEST_CHUNK_LINE).strip():
            pass  # trailers
        self.is_finished = True

    def _chunk_size(self) -> int:
        line = self._stream.readline(LONGEST_CHUNK_LINE)
        if not line:
            raise ClientGoneError
        try:
            return int(line.split(b";")[0], 16)
        except ValueError:
            raise ClientGoneError from None

    def _piece(self, size: int) -> bytes:
        piece = self._stream.read(size)
        if not piece:
            raise ClientGoneError
        return piece


def write_foreign_body(file: BinaryIO, count: int, prefix: str, model: str) -> None:
    """The body of a batch that some other program might have sent: `count` small requests."""
    file.write(b'{"requests":[')
    for number in range(count):
        comma = b"," if number else b""
        request = (
            f'{{"custom_id":"{prefix}-{number:06d}","params":{{"model":"{model}","max_tokens":64,'
            f'"messages":[{{"role":"user","content":"Somebody else\'s question number {number}."}}]}}}}'
        )
        file.write(comma + request.encode())
    file.write(b"]}")
