"""Where a request asks for its prefix to be cached."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sandbox.errors import invalid

MAX_BREAKPOINTS = 4


@dataclass
class Breakpoints:
    """The `cache_control` marks of one request, in the order tools, system, messages."""

    ttls: list[str] = field(default_factory=list)

    def add(self, holder: Any, path: str) -> None:
        mark = holder.get("cache_control") if isinstance(holder, dict) else None
        if mark is None:
            return
        if not isinstance(mark, dict) or mark.get("type") != "ephemeral":
            raise invalid(f"{path}.cache_control.type: Input should be 'ephemeral'")
        ttl = mark.get("ttl", "5m")
        if ttl not in ("5m", "1h"):
            raise invalid(f"{path}.cache_control.ttl: Input should be '5m' or '1h'")
        if ttl == "1h" and "5m" in self.ttls:
            raise invalid(f"{path}.cache_control.ttl: a ttl='1h' block must not come after a ttl='5m' block")
        self.ttls.append(ttl)
        if len(self.ttls) > MAX_BREAKPOINTS:
            raise invalid(
                f"A maximum of {MAX_BREAKPOINTS} blocks with cache_control may be provided. Found {len(self.ttls)}."
            )
