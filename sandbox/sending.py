"""How a response leaves: its pieces, its framing, and a connection that breaks on purpose."""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Iterable, Iterator

from sandbox.exchange import Flaw, Framing, Response

PIECE = 262_144


def framing_of(response: Response, http_version: str) -> Framing:
    """A stream goes in chunks, as one whose length nobody knows beforehand; plain to the end for an HTTP/1.0 client."""
    is_stream = response.file is not None or response.lines is not None
    framing: Framing = "chunked" if is_stream else "length"
    if response.flaw is not None and response.flaw.framing is not None:
        framing = response.flaw.framing
    return "close" if framing == "chunked" and http_version == "HTTP/1.0" else framing


def pieces_of(response: Response) -> Iterator[bytes]:
    """No piece is empty: an empty chunk would end the stream."""
    if response.lines is not None:
        pieces = _joined(response.lines)
    elif response.file is not None:
        pieces = _read(response)
    else:
        pieces = iter((response.data,))
    if response.flaw is not None:
        pieces = _flawed(pieces, response.flaw)
    return (piece for piece in pieces if piece)


def reset(connection: socket.socket) -> None:
    """End a connection with RST instead of FIN, and whatever was not read is thrown away."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(connection.detach())


def _read(response: Response) -> Iterator[bytes]:
    assert response.file is not None
    with open(response.file, "rb") as file:
        while piece := file.read(PIECE):
            yield piece


def _joined(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Lines in pieces of a useful size."""
    waiting: list[bytes] = []
    size = 0
    for line in lines:
        waiting.append(line)
        size += len(line)
        if size >= PIECE:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)


def _flawed(pieces: Iterator[bytes], flaw: Flaw) -> Iterator[bytes]:
    left = flaw.at
    for piece in pieces:
        if len(piece) > left:
            yield piece[:left]
            yield from _after_flaw(piece[left:], pieces, flaw)
            return
        left -= len(piece)
        yield piece
    yield from _after_flaw(b"", pieces, flaw)


def _after_flaw(rest: bytes, pieces: Iterator[bytes], flaw: Flaw) -> Iterator[bytes]:
    if flaw.is_cut:
        return
    time.sleep(flaw.stall_seconds)
    yield rest
    yield from pieces
