"""Tokens and money: token counts from text length, a make-believe prompt cache, the cost of one answer."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from sandbox.models import Model

CHARACTERS_PER_TOKEN = 4
# Per request: role marks and the hidden text that a structured output adds; the real numbers are not published.
REQUEST_TOKENS = 8
SCHEMA_TOKENS = 40
IMAGE_TOKENS = 1500
TTL_MICROSECONDS = {"5m": 300_000_000, "1h": 3_600_000_000}


def tokens(characters: int) -> int:
    return -(-characters // CHARACTERS_PER_TOKEN)


@dataclass(frozen=True)
class Input:
    """The prompt of one request in tokens: what follows the cached prefix, and the prefix by what happened to it."""

    fresh: int
    write_5m: int = 0
    write_1h: int = 0
    read: int = 0

    @property
    def total(self) -> int:
        return self.fresh + self.write_5m + self.write_1h + self.read


class PromptCache:
    """Which prefixes a workspace has cached. In memory only: after a restart the first request writes again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._warm_until: dict[tuple[str, str, int], int] = {}

    def use(self, workspace: str, model: Model, prefix: int, ttl: str, now: int) -> bool:
        """True if the prefix (its 64-bit key) was warm and is read; else it is written. Both keep it warm for `ttl`."""
        key = (workspace, model.id, prefix)
        with self._lock:
            if len(self._warm_until) > 100_000:
                self._warm_until = {key: until for key, until in self._warm_until.items() if until > now}
            warm = self._warm_until.get(key, 0) > now
            self._warm_until[key] = now + TTL_MICROSECONDS[ttl]
            return warm


def split_input(fresh: int, prefix: int, model: Model, ttl: str | None, warm: bool) -> Input:
    """A prefix below the model's minimum is silently not cached."""
    if ttl is None or prefix < model.cache_minimum:
        return Input(fresh + prefix)
    if warm:
        return Input(fresh, read=prefix)
    return Input(fresh, write_1h=prefix) if ttl == "1h" else Input(fresh, write_5m=prefix)


def usage_json(given: Input, output: int, thinking: int, *, in_batch: bool, geo: str) -> dict[str, Any]:
    return {
        "input_tokens": given.fresh,
        "output_tokens": output,
        "output_tokens_details": {"thinking_tokens": thinking},
        "cache_creation_input_tokens": given.write_5m + given.write_1h,
        "cache_read_input_tokens": given.read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": given.write_5m,
            "ephemeral_1h_input_tokens": given.write_1h,
        },
        "server_tool_use": None,
        "service_tier": "batch" if in_batch else "standard",
        "inference_geo": geo,
        "speed": "standard",
    }


def cost(model: Model, given: Input, output: int, *, in_batch: bool, geo: str) -> int | None:
    """Picodollars; None if the model has no known price. Half in a batch, a tenth more for inference in the US."""
    price = model.price_for(given.total)
    if price is None:
        return None
    full = (
        given.fresh * price.input
        + given.write_5m * price.write_5m
        + given.write_1h * price.write_1h
        + given.read * price.read
        + output * price.output
    )
    if geo == "us":
        full = full * 11 // 10
    return full // 2 if in_batch else full
