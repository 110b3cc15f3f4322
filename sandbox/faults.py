"""Which fault acts on which call: the armed rules, counted and kept over a restart."""

from __future__ import annotations

import math
import random
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from sandbox import codec
from sandbox.behavior import Behavior
from sandbox.clock import Clock
from sandbox.errors import ApiError, invalid, not_found
from sandbox.rules import KINDS, USUAL, Rule, RuleError, read_rules
from sandbox.store import BatchRow, Store
from sandbox.timeline import end_of

SETTING = "faults"
MICRO = 1_000_000
MINUTE = 60 * MICRO


@dataclass(frozen=True)
class Fault:
    """One fault about to act. `given` holds all parameters of its kind, drawn where a rule left a choice. `seed` is
    the rule's."""

    do: str
    given: dict[str, Any]
    seed: int


@dataclass(frozen=True)
class Target:
    """A call: `batch_id` is the one in its path, `workspace` None without a key."""

    endpoint: str
    batch_id: str | None
    workspace: str | None


class Faults:
    """Safe to use from several threads. A count is committed before its fault acts, so a killed sandbox never acts
    more often than it was told to."""

    def __init__(self, environment: str, store: Store, behavior: Behavior, clock: Clock) -> None:
        """`environment` is the text of SANDBOX_FAULTS: armed once for a state folder, however often it starts."""
        self._store, self._behavior, self._clock = store, behavior, clock
        self._lock = threading.RLock()
        kept = store.setting(SETTING) or {}
        self._last_number: int = kept.get("last_number", 0)
        self._environment: str = kept.get("environment", "")
        self._rules = [Rule(**rule) for rule in kept.get("rules", ())]
        self._calls: dict[str, deque[int]] = {}
        if environment and environment != self._environment:
            self._environment = environment
            self.arm(codec.loads(environment.encode()))

    def as_json(self) -> dict[str, Any]:
        with self._lock:
            return {
                "acted": sum(rule.acted for rule in self._rules),
                "faults": [_rule_json(rule) for rule in self._rules],
            }

    def arm(self, wanted: Any) -> dict[str, Any]:
        """Add a rule or a list of rules. Raises ApiError (400), and then arms none of them."""
        with self._lock:
            before = self._last_number
            try:
                rules = read_rules(wanted, self._next_id)
            except RuleError as error:
                self._last_number = before
                raise invalid(str(error)) from error
            self._rules += rules
            self._save()
            return {"armed": [_rule_json(rule) for rule in rules]}

    def clear(self, rule_id: str | None = None) -> None:
        """One rule, or all. Raises ApiError (404) for an id that nobody has."""
        with self._lock:
            left = [] if rule_id is None else [rule for rule in self._rules if rule.id != rule_id]
            if rule_id is not None and len(left) == len(self._rules):
                raise not_found(f"No fault has the id {rule_id}.")
            self._rules = left
            self._save()

    def choose(self, target: Target) -> Fault | None:
        """The fault of the first rule that acts on this call; the rules after it do not see the call."""
        if not self._rules:
            return None
        with self._lock:
            for rule in self._rules:
                fault = self._ask(rule, target)
                if fault is not None:
                    return fault
        return None

    def check_queue(self, target: Target, added: int) -> None:
        """Raises the API's 429 if a rule's queue limit does not leave room for `added` more requests."""
        with self._lock:
            for rule in self._rules:
                fault = rule.faults[0]
                if fault["do"] != "queue limit" or not _meant(rule, target):
                    continue
                rule.seen += 1
                queued = self._queued_requests(rule.workspace)
                if queued + added > fault["requests"] and rule.seen > rule.after:
                    self._count(rule, target, "queue limit")
                    raise ApiError(
                        "rate_limit_error",
                        f"{queued} requests are in the processing queue, {added} more exceed your organization's limit "
                        f"of {fault['requests']}.",
                        retry_after=None if fault["retry_after"] == USUAL else fault["retry_after"],
                    )

    def _queued_requests(self, workspace: str | None) -> int:
        """In batches that have not ended, of a workspace or of all."""
        return sum(
            batch.total
            for batch in self._store.open_batches()
            if workspace in (None, batch.workspace) and self._end(batch) > self._clock.now()
        )

    def _ask(self, rule: Rule, target: Target) -> Fault | None:
        if not _meant(rule, target):
            return None
        candidates = [
            fault
            for fault in rule.faults
            if target.endpoint in KINDS[fault["do"]].fits and self._applies(rule, fault, target)
        ]
        if not candidates:
            return None
        rule.seen += 1
        lot = random.Random(f"{rule.seed}/{rule.seen}")
        if rule.seen <= rule.after or lot.random() >= rule.rate:
            self._save()
            return None
        drawn = {name: _drawn(value, lot) for name, value in lot.choice(candidates).items()}
        if drawn["do"] == "minute limit" and drawn["retry_after"] == USUAL:
            drawn["retry_after"] = self._seconds_to_room(rule)
        self._count(rule, target, drawn["do"])
        return Fault(drawn["do"], drawn, rule.seed)

    def _applies(self, rule: Rule, fault: dict[str, Any], target: Target) -> bool:
        """What a fault needs besides the right endpoint."""
        condition = CONDITIONS.get(fault["do"])
        return condition is None or condition(self, rule, fault, target)

    def _is_young(self, rule: Rule, fault: dict[str, Any], target: Target) -> bool:
        """not found: the batch was created, or has ended, within these seconds."""
        moments = self._moments(target)
        if moments is None:
            return False
        now = self._clock.now()
        wanted = {"created": moments[:1], "ended": moments[1:], "both": moments}[fault["since"]]
        return any(now - fault["seconds"] * MICRO < moment <= now for moment in wanted)

    def _has_results(self, rule: Rule, fault: dict[str, Any], target: Target) -> bool:
        """lack, repeat, foreign: there are lines to spoil."""
        moments = self._moments(target)
        return moments is not None and moments[1] <= self._clock.now()

    def _moments(self, target: Target) -> tuple[int, int] | None:
        """When the batch was created and when it ends or ended; None if it is not one of this workspace."""
        batch = self._store.batch(target.batch_id) if target.batch_id is not None else None
        if batch is None or batch.is_deleted or batch.workspace != target.workspace:
            return None
        return batch.created, self._end(batch)

    def _end(self, batch: BatchRow) -> int:
        """When it ended or will end, by arithmetic: whether the worker has got round to it must not matter."""
        return batch.ended or end_of(batch, self._behavior.switches).at

    def _hides_something(self, rule: Rule, fault: dict[str, Any], target: Target) -> bool:
        newest = self._store.newest(target.workspace, 1, None) if target.workspace is not None else []
        return bool(newest) and newest[0].created > self._clock.now() - fault["seconds"] * MICRO

    def _is_over_the_minute(self, rule: Rule, fault: dict[str, Any], target: Target) -> bool:
        """Counts the call if it is within the limit."""
        now = self._clock.now()
        calls = self._calls.setdefault(rule.id, deque())
        while calls and calls[0] <= now - MINUTE:
            calls.popleft()
        if len(calls) >= fault["requests"]:
            return True
        calls.append(now)
        return False

    def _is_no_event(self, rule: Rule, fault: dict[str, Any], target: Target) -> bool:
        """queue limit: asked by check_queue, when the number of requests is known."""
        return False

    def _seconds_to_room(self, rule: Rule) -> int:
        calls = self._calls.get(rule.id)
        return max(1, math.ceil((calls[0] + MINUTE - self._clock.now()) / MICRO)) if calls else 60

    def _count(self, rule: Rule, target: Target, do: str) -> None:
        rule.acted += 1
        label = f"{target.endpoint}: {do}"
        rule.by[label] = rule.by.get(label, 0) + 1
        self._save()

    def _next_id(self) -> str:
        self._last_number += 1
        return f"fault_{self._last_number}"

    def _save(self) -> None:
        kept = {
            "last_number": self._last_number,
            "environment": self._environment,
            "rules": [asdict(rule) for rule in self._rules],
        }
        self._store.save_setting(SETTING, kept)


CONDITIONS: dict[str, Callable[[Faults, Rule, dict[str, Any], Target], bool]] = {
    "not found": Faults._is_young,
    "hide": Faults._hides_something,
    "lack": Faults._has_results,
    "repeat": Faults._has_results,
    "foreign": Faults._has_results,
    "minute limit": Faults._is_over_the_minute,
    "queue limit": Faults._is_no_event,
}


def _meant(rule: Rule, target: Target) -> bool:
    return (
        not rule.is_spent
        and target.endpoint in rule.on
        and rule.workspace in (None, target.workspace)
        and rule.batch in (None, target.batch_id)
    )


def _drawn(value: Any, lot: random.Random) -> Any:
    return lot.choice(value) if isinstance(value, list) else value


def _rule_json(rule: Rule) -> dict[str, Any]:
    shown = asdict(rule)
    return {**shown, "times": "every" if rule.times is None else rule.times, "is_spent": rule.is_spent}
