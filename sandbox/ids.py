"""Identifiers that look like the API's, and the keys by which the account recognizes a text or a custom_id."""

from __future__ import annotations

import hashlib
import secrets
import string

ALPHABET = string.ascii_letters + string.digits
ORGANIZATION_ID = "5ca1ab1e-5a4d-4b0c-8000-000000000001"


def random_id(prefix: str) -> str:
    """`msgbatch_01` and 22 letters or digits, for example."""
    return f"{prefix}_01" + "".join(secrets.choice(ALPHABET) for _ in range(22))


def workspace_of(api_key: str) -> str:
    """A key's workspace: the same key always gives the same one, two keys give two."""
    return "wrkspc_01" + hashlib.blake2b(api_key.encode("utf-8", "replace"), digest_size=11).hexdigest()


def key64(*parts: str) -> int:
    """A signed 64-bit key of some texts, as sqlite's integers hold it."""
    state = hashlib.blake2b(digest_size=8)
    for part in parts:
        state.update(part.encode("utf-8", "surrogatepass"))
        state.update(b"\0")
    return int.from_bytes(state.digest(), "big", signed=True)
