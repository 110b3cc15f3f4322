"""The body of a create call, encoded once and piece by piece, so that memory does not grow with the batch. Pure.

The same requests are also a file of lines, one object a line. Its hash is kept with the body's, because
a file of lines is what a person downloads, reads, and compares.
"""

import hashlib
from collections.abc import Callable, Iterable
from typing import IO, NamedTuple

import orjson

from labeling.messages import prompts
from labeling.messages.prompts import Spec

_OPEN, _SEPARATOR, _CLOSE = b'{"requests":[', b",", b"]}"
_ID, _PARAMS, _END = b'{"custom_id":"', b'","params":', b"}"
_PIECE = 1 << 18
LINE_END = b"\n"
CUSTOM_ID_BYTES = 64
"""The API's maximum, counted for every request so that a cut never comes out larger than planned."""

ENVELOPE_BYTES = len(_OPEN + _CLOSE)


class Body(NamedTuple):
    """What was written: bytes and SHA-256 of the body, SHA-256 of its requests as lines, and how many they are."""

    bytes: int
    sha256: str
    requests_sha256: str
    requests: int


def request_bytes(spec: Spec) -> int:
    """What one request takes in a body beside its JSON-encoded text, at most."""
    before, after = prompts.frame(spec)
    return len(_ID + _PARAMS + _END + _SEPARATOR) + CUSTOM_ID_BYTES + len(before) + len(after)


def encoder(spec: Spec) -> Callable[[str, str], bytes]:
    """Encodes custom_id and text as one request, a JSON object without a line feed; the constant part once."""
    before, after = prompts.frame(spec)
    opening, closing = _PARAMS + before, after + _END
    return lambda custom_id, text: _ID + custom_id.encode() + opening + orjson.dumps(text) + closing


def write(file: IO[bytes], spec: Spec, requests: Iterable[tuple[str, str]]) -> Body:
    """Write the body for (custom_id, text) pairs; returns its size, hashes and number of requests."""
    encode = encoder(spec)
    body, lines = hashlib.sha256(), hashlib.sha256()
    total, count = 0, 0
    piece = bytearray(_OPEN)
    for custom_id, text in requests:
        request = encode(custom_id, text)
        if count:
            piece += _SEPARATOR
        piece += request
        lines.update(request + LINE_END)
        count += 1
        if len(piece) >= _PIECE:
            total += _flush(file, body, piece)
    piece += _CLOSE
    total += _flush(file, body, piece)
    return Body(total, body.hexdigest(), lines.hexdigest(), count)


def _flush(file: IO[bytes], digest: "hashlib._Hash", piece: bytearray) -> int:
    size = len(piece)
    digest.update(piece)
    file.write(piece)
    piece.clear()
    return size
