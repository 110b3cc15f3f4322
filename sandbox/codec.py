"""JSON in and out: orjson where it can, the standard library for what it refuses (lone surrogates, huge numbers)."""

from __future__ import annotations

import json
from typing import Any, NoReturn

import orjson


def loads(data: bytes | memoryview) -> Any:
    """Raises ValueError for anything that is not JSON (NaN, bad UTF-8 and bottomless nesting included)."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(bytes(data).decode("utf-8"), parse_constant=refuse_constant)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def dumps(value: Any) -> bytes:
    """Compact UTF-8. U+2028 stays raw, a lone surrogate becomes its escape."""
    try:
        return orjson.dumps(value)
    except (orjson.JSONEncodeError, TypeError):
        return json.dumps(value, separators=(",", ":")).encode("ascii")


def refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
