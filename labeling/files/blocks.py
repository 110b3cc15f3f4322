"""A file in blocks of whole lines, decoded: the stream under every format.

A block is what fits into a mebibyte, cut after a line end, or exactly one line that is longer than that. A line ends
with LF, CRLF or CR. Blocks are decoded one by one: every encoding of `encodings.ENCODINGS` allows that.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Self

from labeling.files.encodings import MARK, unit_bytes

BLOCK_BYTES = 1_048_576
HEAD_BYTES = 65_536
"""How much of a line over the limit is kept, for a person to recognize it."""


@dataclass(slots=True)
class Block:
    """Lines with their ends. first_line: 1-based number of the first.

    clean: there is neither a NUL nor an undecodable byte in it.
    too_long: its one line was over the limit; only its head is here.
    """

    lines: list[str]
    first_line: int
    clean: bool
    too_long: bool = False


@dataclass(frozen=True, slots=True)
class Position:
    """Where a block begins: byte offset and 1-based line number."""

    offset: int
    line: int


class TextBlocks:
    """The blocks of an open file from a byte offset on. `line_bytes`: longest line that is read whole."""

    def __init__(self, file: BinaryIO, encoding: str, offset: int, line_bytes: int) -> None:
        self._file = file
        self._encoding = encoding
        self._unit = unit_bytes(encoding)
        self._line_bytes = line_bytes
        self._lf, self._cr = "\n".encode(encoding), "\r".encode(encoding)
        self.position = Position(offset, 1)

    def __iter__(self) -> Iterator[Block]:
        while block := self.read():
            yield block

    def seek(self, position: Position) -> Self:
        """Go on from a position that this reader gave."""
        self.position = position
        return self

    def read(self) -> Block | None:
        """The next block; None at the end of the file."""
        self._file.seek(self.position.offset)
        data = self._chunk()
        if not data:
            return None
        end = self._after_last_line_end(data)
        if end or len(data) < BLOCK_BYTES:
            return self._block(data, end or len(data))
        return self._long_line(data)

    def _chunk(self) -> bytes:
        """Up to a block of bytes that does not end between CR and LF."""
        data = self._file.read(BLOCK_BYTES)
        if data.endswith(self._cr) and self._file.read(self._unit) == self._lf:
            data += self._lf
        return data

    def _block(self, data: bytes, end: int) -> Block:
        if end < len(data) < BLOCK_BYTES:
            end = len(data)  # the last line of the file has no line end
        text, clean = self._decode(data[:end])
        lines = io.StringIO(text, newline="").readlines()
        return self._take(Block(lines, self.position.line, clean), end)

    def _long_line(self, data: bytes) -> Block:
        """The one line that begins with `data`, a block without a line end."""
        pieces, size = [data], len(data)
        while chunk := self._chunk():
            end = self._after_first_line_end(chunk)
            size += end or len(chunk)
            if size <= self._line_bytes:
                pieces.append(chunk[:end] if end else chunk)
            else:
                del pieces[1:]
            if end:
                break
        if size > self._line_bytes:
            head, _ = self._decode(data[:HEAD_BYTES])
            return self._take(Block([head], self.position.line, clean=False, too_long=True), size)
        text, clean = self._decode(b"".join(pieces))
        return self._take(Block([text], self.position.line, clean), size)

    def _take(self, block: Block, size: int) -> Block:
        self.position = Position(self.position.offset + size, self.position.line + len(block.lines))
        return block

    def _decode(self, data: bytes) -> tuple[str, bool]:
        try:
            text = data.decode(self._encoding)
        except UnicodeDecodeError:
            return data.decode(self._encoding, MARK), False
        return text, "\0" not in text

    def _after_last_line_end(self, data: bytes) -> int:
        """Where the last whole line ends; 0 if there is no line end."""
        at = max(self._last(data, self._lf), self._last(data, self._cr))
        return at + self._unit if at >= 0 else 0

    def _last(self, data: bytes, mark: bytes) -> int:
        at = data.rfind(mark)
        while at >= 0 and at % self._unit:
            at = data.rfind(mark, 0, at + self._unit - 1)
        return at

    def _after_first_line_end(self, data: bytes) -> int:
        """Where the first whole line ends; 0 if there is no line end."""
        lf, cr = self._first(data, self._lf), self._first(data, self._cr)
        if lf < 0 and cr < 0:
            return 0
        if cr < 0 or 0 <= lf < cr:
            return lf + self._unit
        return cr + self._unit * (2 if lf == cr + self._unit else 1)

    def _first(self, data: bytes, mark: bytes) -> int:
        at = data.find(mark)
        while at >= 0 and at % self._unit:
            at = data.find(mark, at + 1)
        return at
