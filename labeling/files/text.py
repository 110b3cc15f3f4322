"""What a text must be to become a document, and how what is not text is made visible."""

import re

from labeling.files.shapes import JsonValue
from labeling.states import RefusalReason

NAME_CHARACTERS = 512
"""Longest external id and gold label: an identifier, not a text; PostgreSQL indexes rows up to 2,700 bytes."""

OTHER_COLUMNS_BYTES = 2_000_000
"""Room for what stands beside the text in a row. More than a block (`blocks.BLOCK_BYTES`), so that where a block ends
never decides about a line."""

RAW_CHARACTERS = 10_000
"""How much of a refused row is kept."""

BYTES_OF_A_CHARACTER = 4
"""At most, in UTF-8: most texts are known to be small enough by their length alone."""

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_BAD_BYTE = re.compile("[\udc00-\udcff]")

Problem = tuple[RefusalReason, str]


def text_problem(text: str, document_bytes: int) -> Problem | None:
    """Why this text cannot become a document; None when it can. document_bytes: bytes of UTF-8."""
    if problem := character_problem("text", text):
        return problem
    if not text or text.isspace():
        return RefusalReason.BLANK_TEXT, RefusalReason.BLANK_TEXT.sentence
    if len(text) * BYTES_OF_A_CHARACTER > document_bytes and len(text.encode()) > document_bytes:
        return too_large("The text", document_bytes)
    return None


def name_problem(what: str, name: str) -> Problem | None:
    """Why this external id or gold label cannot be kept; None when it can."""
    if len(name) > NAME_CHARACTERS:
        return (
            RefusalReason.TOO_LARGE,
            f"The {what} has {len(name):,} characters; {NAME_CHARACTERS} are allowed. Is it the right column?",
        )
    return character_problem(what, name)


def character_problem(what: str, value: str) -> Problem | None:
    """NUL and lone surrogates can neither be stored by PostgreSQL nor sent."""
    if value.isascii() and "\0" not in value:
        return None
    if found := _UNSTORABLE.search(value):
        character = "a NUL" if found[0] == "\0" else "a lone surrogate"
        return RefusalReason.BAD_CHARACTER, f"The {what} has {character}, which cannot be stored."
    return None


def raw_problem(raw: str) -> Problem | None:
    """Why a row cannot be trusted as text, whatever its cells are; None when it can."""
    if found := _BAD_BYTE.search(raw):
        return (
            RefusalReason.BAD_ENCODING,
            f"The byte {ord(found[0]) - 0xDC00:#04x} is not text in the file's encoding.",
        )
    if "\0" in raw:
        return RefusalReason.BAD_CHARACTER, "The row has a NUL, which cannot be stored."
    return None


def too_large(what: str, limit_bytes: int) -> Problem:
    """The reason and sentence for what is over a limit, in bytes."""
    return RefusalReason.TOO_LARGE, f"{what} is larger than {limit_bytes:,} bytes."


def raw_row(raw: str) -> str:
    """A refused row as it is kept: without its line end, cut, NUL and undecodable bytes as \\x00."""
    row = visible(raw[: RAW_CHARACTERS + 2].rstrip("\r\n"))
    if len(row) > RAW_CHARACTERS or len(raw) > RAW_CHARACTERS + 2:
        return row[:RAW_CHARACTERS] + "…"
    return row


def visible(value: str) -> str:
    """The value with NUL and undecodable bytes (see `encodings.MARK`) written as \\x00 to \\xff."""
    if value.isascii() and "\0" not in value:
        return value
    return _UNSTORABLE.sub(_as_escape, value)


def _as_escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code & 0xFF:02x}" if code == 0 or 0xDC00 <= code <= 0xDCFF else f"\\u{code:04x}"


def storable(value: JsonValue) -> JsonValue:
    """A JSON value with every NUL and lone surrogate, in keys too, replaced by U+FFFD: PostgreSQL cannot store them."""
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, list):
        return [storable(part) for part in value]
    if isinstance(value, dict):
        return {_UNSTORABLE.sub("\ufffd", key): storable(part) for key, part in value.items()}
    return value
