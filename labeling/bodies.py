"""The body of a create call, encoded once and piece by piece, so that memory does not grow with the batch. Pure."""

import hashlib
from collections.abc import Iterable
from typing import IO, NamedTuple

import orjson

from labeling import prompts
from labeling.prompts import Spec

_OPEN, _SEPARATOR, _CLOSE = b'{"requests":[', b",", b"]}"
_ID, _PARAMS, _END = b'{"custom_id":"', b'","params":', b"}"
_PIECE = 1 << 18
CUSTOM_ID_BYTES = 64
"""The API's maximum, counted for every request so that a cut never comes out larger than planned."""

ENVELOPE_BYTES = len(_OPEN + _CLOSE)


class Body(NamedTuple):
    bytes: int
    sha256: str
    requests: int


def request_bytes(spec: Spec) -> int:
    """What one request takes in a body beside its JSON-encoded text, at most."""
    before, after = prompts.frame(spec)
    return len(_ID + _PARAMS + _END + _SEPARATOR) + CUSTOM_ID_BYTES + len(before) + len(after)


def write(file: IO[bytes], spec: Spec, requests: Iterable[tuple[str, str]]) -> Body:
    """Write the body for (custom_id, text) pairs; returns its size, hash and number of requests."""
    before, after = prompts.frame(spec)
    opening, closing = _PARAMS + before, after + _END
    digest, total, count = hashlib.sha256(), 0, 0
    piece = bytearray(_OPEN)
    for custom_id, text in requests:
        if count:
            piece += _SEPARATOR
        piece += _ID + custom_id.encode() + opening + orjson.dumps(text) + closing
        count += 1
        if len(piece) >= _PIECE:
            total += _flush(file, digest, piece)
    piece += _CLOSE
    total += _flush(file, digest, piece)
    return Body(total, digest.hexdigest(), count)


def _flush(file: IO[bytes], digest: "hashlib._Hash", piece: bytearray) -> int:
    size = len(piece)
    digest.update(piece)
    file.write(piece)
    piece.clear()
    return size
