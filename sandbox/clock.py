"""The sandbox's clock: real time plus an offset that a tester can move forward."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

DAY = 86_400
PROCESSING_SECONDS = DAY
RESULTS_SECONDS = 29 * DAY
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock:
    """Microseconds since 1970, UTC. The offset is kept by the store, so that a restart does not turn time back."""

    def __init__(self, offset_seconds: float = 0.0) -> None:
        self._lock = threading.Lock()
        self._offset = offset_seconds

    @property
    def offset_seconds(self) -> float:
        return self._offset

    def now(self) -> int:
        return time.time_ns() // 1000 + round(self._offset * 1_000_000)

    def advance(self, seconds: float) -> float:
        with self._lock:
            self._offset += seconds
            return self._offset


def rfc3339(microseconds: int | None) -> str | None:
    """`2026-11-22T09:00:00.100435Z`, always with six digits; None stays None."""
    if microseconds is None:
        return None
    moment = EPOCH + timedelta(microseconds=microseconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
