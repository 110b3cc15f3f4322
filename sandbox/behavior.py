"""What a tester can switch while the sandbox runs (`/sandbox/behavior`). Kept over a restart."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from sandbox.errors import invalid
from sandbox.markers import parse_marker
from sandbox.settings import Settings
from sandbox.store import Store

SETTING = "behavior"
KEPT = ("rates", "hold", "released", "html_413", "cancel_after_end")
AFTER_END = ("error", "unchanged")


@dataclass(frozen=True)
class Switches:
    """`rates`: marker words -> share of documents (0 to 1) that get that outcome without a marker in their text.

    `hold`: nothing is processed, batches stay in_progress (until they expire); `released` is when the last hold ended,
    in microseconds. `html_413`: a body over the limit is refused with an HTML page, as a proxy before the API does.
    `cancel_after_end`: what a cancel of an ended batch answers, an error or the unchanged batch.
    """

    seconds_per_batch: float
    seconds_per_message: float
    rates: dict[str, float] = field(default_factory=dict)
    hold: bool = False
    released: int = 0
    html_413: bool = False
    cancel_after_end: str = "error"


class Behavior:
    def __init__(self, settings: Settings, store: Store) -> None:
        self._lock = threading.Lock()
        self._store = store
        start = Switches(settings.seconds_per_batch, settings.seconds_per_message)
        # The seconds are the new process's own; only what a tester switched is taken over.
        kept = store.setting(SETTING) or {}
        self._switches = replace(start, **{name: kept[name] for name in KEPT if name in kept})

    @property
    def switches(self) -> Switches:
        return self._switches

    def as_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self._switches).items() if name != "released"}

    def change(self, wanted: Any, now: int) -> None:
        """Only the named switches change. Raises ApiError for an unknown name or a value that makes no sense."""
        if not isinstance(wanted, dict):
            raise invalid("behavior: Input should be a valid dictionary")
        for name, value in wanted.items():
            _check(name, value)
        with self._lock:
            changed = replace(self._switches, **wanted)
            if self._switches.hold and not changed.hold:
                changed = replace(changed, released=now)
            self._store.save_setting(SETTING, asdict(changed))
            self._switches = changed


def _check(name: str, value: Any) -> None:
    if name in ("hold", "html_413"):
        if not isinstance(value, bool):
            raise invalid(f"{name}: Input should be a valid boolean")
    elif name in ("seconds_per_batch", "seconds_per_message"):
        if not _is_number(value) or value < 0:
            raise invalid(f"{name}: Input should be a number of seconds")
    elif name == "rates":
        _check_rates(value)
    elif name == "cancel_after_end":
        if value not in AFTER_END:
            raise invalid(f"cancel_after_end: Input should be one of {', '.join(AFTER_END)}")
    else:
        raise invalid(f"{name}: Extra inputs are not permitted")


def _check_rates(rates: Any) -> None:
    if not isinstance(rates, dict):
        raise invalid("rates: Input should be a valid dictionary")
    for words, rate in rates.items():
        if parse_marker(words) is None:
            raise invalid(f"rates.{words}: not a marker")
        if not _is_number(rate) or not 0 <= rate <= 1:
            raise invalid(f"rates.{words}: Input should be a number between 0 and 1")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
