"""The custom_id of a request: `{installation}-{batch token}-{document id}-{first 8 of sha256(text)}`.

It proves that a result line is ours even when the batch row is gone, and which document it answers.
At most 8 + 8 + 19 + 8 + 3 = 46 of the 64 characters that the API allows (`^[a-zA-Z0-9_-]{1,64}$`).
"""

import secrets
import string
from typing import NamedTuple

_ALPHABET = string.ascii_lowercase + string.digits
_MOST_DIGITS = 19


MOST_CHARACTERS = 64


class OwnId(NamedTuple):
    token: str
    document_id: int
    text_hash: str


def new_token() -> str:
    """Eight random characters, 41 bits: enough to tell our batches apart for ever."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(8))


def prefix(installation: str, token: str) -> str:
    return f"{installation}-{token}-"


def custom_id(installation: str, token: str, document_id: int, sha256: bytes) -> str:
    return f"{prefix(installation, token)}{document_id}-{sha256.hex()[:8]}"


def parse(text: object, installation: str) -> OwnId | None:
    """The parts of a custom_id of this installation; None for anything else."""
    if not isinstance(text, str) or len(text) > MOST_CHARACTERS:
        return None
    parts = text.split("-")
    if len(parts) != 4 or parts[0] != installation or len(parts[2]) > _MOST_DIGITS:
        return None
    if not (parts[2].isascii() and parts[2].isdigit()):
        return None
    document_id = int(parts[2])
    return OwnId(parts[1], document_id, parts[3]) if document_id < 2**63 else None
