"""Lines gathered to pieces of some size, so that a download is not a call for each line. Pure."""

from collections.abc import Iterable, Iterator

PIECE_BYTES = 64 * 1024


def gathered(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in fewer pieces."""
    piece: list[bytes] = []
    size = 0
    for line in lines:
        piece.append(line)
        size += len(line)
        if size >= PIECE_BYTES:
            yield b"".join(piece)
            piece.clear()
            size = 0
    if piece:
        yield b"".join(piece)
