"""The language of faults: what may be asked for at `/sandbox/faults`, checked and with its defaults filled in.

`sandbox/README.md` explains it to a tester. Nothing here acts: `faults` decides when, `acts` does it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

BATCH_ENDPOINTS = ("create", "retrieve", "list", "cancel", "delete", "results")
ENDPOINTS = (*BATCH_ENDPOINTS, "messages", "count_tokens", "models")
GROUPS = {"all": ENDPOINTS, "batches": BATCH_ENDPOINTS}
# A parameter that is left out and whose value then depends on the others.
USUAL = "usual"
MOST_SECONDS = 86_400
MOST_SEED = 2**53
WORD = re.compile(r"[a-z][a-z0-9_]{0,63}")
RULE_KEYS = frozenset(("on", "do", "kinds", "times", "after", "rate", "seed", "workspace", "batch"))


class RuleError(ValueError):
    """A rule that makes no sense; the message is one sentence for a person."""


@dataclass(frozen=True)
class Kind:
    """`fits`: the endpoints it can act on. `on`: those meant when a rule names none; none: a rule must say.
    `is_lasting`: goes on until it is cleared, where other faults act once."""

    fits: tuple[str, ...]
    defaults: dict[str, Any] = field(default_factory=dict)
    on: tuple[str, ...] = ()
    is_lasting: bool = False


ERROR = {
    "status": 500,
    "type": USUAL,
    "message": USUAL,
    "error_code": None,
    "retry_after": USUAL,
    "should_retry": None,
    "html": False,
}
PLACE = {"share": 0.5, "lines": None}
RESULTS = ("results",)
KINDS: dict[str, Kind] = {
    "reset": Kind(ENDPOINTS),
    "cut before": Kind(ENDPOINTS),
    "cut after": Kind(ENDPOINTS),
    "error": Kind(ENDPOINTS, ERROR),
    "error after": Kind(ENDPOINTS, ERROR),
    "wait": Kind(ENDPOINTS, {"seconds": 5}),
    "wait after": Kind(ENDPOINTS, {"seconds": 5}),
    "short": Kind(ENDPOINTS, {**PLACE, "framing": USUAL}),
    "stall": Kind(ENDPOINTS, {**PLACE, "seconds": 30}),
    "not found": Kind(
        ("retrieve", "results", "cancel"), {"seconds": 5, "since": "both"}, ("retrieve", "results"), is_lasting=True
    ),
    "hide": Kind(("list",), {"seconds": 5}, ("list",), is_lasting=True),
    "lack": Kind(RESULTS, {"count": 1}, RESULTS),
    "repeat": Kind(RESULTS, {"count": 1}, RESULTS),
    "foreign": Kind(RESULTS, {"count": 1}, RESULTS),
    "status": Kind(("create", "retrieve", "list", "cancel"), {"value": "paused"}, ("retrieve", "list")),
    "minute limit": Kind(BATCH_ENDPOINTS, {"requests": 1000, "retry_after": USUAL}, BATCH_ENDPOINTS, is_lasting=True),
    "queue limit": Kind(("create",), {"requests": 200_000, "retry_after": 60}, ("create",), is_lasting=True),
}
# A limit is a state of the account, not something that happens to one call in a hundred.
LIMITS = frozenset(("minute limit", "queue limit"))
# What a random rule draws from when it names no kinds: everything a careful client can survive without a loss.
CHAOS: tuple[Any, ...] = (
    "reset",
    "cut before",
    "cut after",
    {"do": "error", "status": [429, 500, 529]},
    {"do": "error after", "status": [500, 504, 529]},
    {"do": "wait after", "seconds": 3},
    {"do": "short", "share": [0, 0.3, 0.9], "framing": ["chunked", "length", "close"]},
    {"do": "stall", "seconds": 3},
    "not found",
    {"do": "hide", "seconds": 3},
    "lack",
    "repeat",
    "foreign",
)


@dataclass
class Rule:
    """One armed rule. `faults` are complete: every parameter has a value, or a list of values to draw from.

    `times` None: without end. `seen` counts the calls it could have acted on, `acted` those it did act on, `by` the
    same by endpoint and kind. All of it is JSON.
    """

    id: str
    on: list[str]
    faults: list[dict[str, Any]]
    times: int | None
    after: int
    rate: float
    seed: int
    workspace: str | None
    batch: str | None
    seen: int = 0
    acted: int = 0
    by: dict[str, int] = field(default_factory=dict)

    @property
    def is_spent(self) -> bool:
        return self.times is not None and self.acted >= self.times


def read_rules(value: Any, name: Callable[[], str]) -> list[Rule]:
    """From what was posted: a rule or a list of rules. `name` gives the next id. Raises RuleError; then none counts."""
    return [_read_rule(given, name) for given in (value if isinstance(value, list) else [value])]


def _read_rule(given: Any, name: Callable[[], str]) -> Rule:
    if not isinstance(given, dict):
        raise RuleError('A fault is an object such as {"on": "create", "do": "cut after"}.')
    if ("do" in given) == ("kinds" in given):
        raise RuleError('A fault has either "do", or "kinds" to draw from.')
    if given.get("do") == "queue limit" and "rate" in given:
        raise RuleError("rate: a queue limit holds for every create, or it is not armed.")
    is_random = "kinds" in given
    faults = _read_kinds(given) if is_random else [_read_fault(given, RULE_KEYS)]
    return Rule(
        id=name(),
        on=_read_on(given.get("on"), faults, is_random),
        faults=faults,
        times=_read_times(given, is_lasting="rate" in given or is_random or KINDS[faults[0]["do"]].is_lasting),
        after=_whole(given, "after", 0, 0, 10**9),
        rate=_number("rate", given.get("rate", 1), 1),
        seed=_whole(given, "seed", random.randrange(10**6), 0, MOST_SEED),
        workspace=_text_or_none(given, "workspace"),
        batch=_text_or_none(given, "batch"),
    )


def _read_kinds(given: dict[str, Any]) -> list[dict[str, Any]]:
    unknown = set(given) - RULE_KEYS
    if unknown:
        raise RuleError(f"{min(unknown)}: a rule with kinds has no such key; put it into one of the kinds.")
    kinds = CHAOS if given["kinds"] == "all" else given["kinds"]
    if not isinstance(kinds, (list, tuple)) or not kinds:
        raise RuleError('kinds: "all", or a list of words such as "cut after" or of objects with "do".')
    faults = [_read_fault({"do": kind} if isinstance(kind, str) else kind, frozenset(("do",))) for kind in kinds]
    for fault in faults:
        if fault["do"] in LIMITS:
            raise RuleError(f'kinds: "{fault["do"]}" is a limit and cannot be drawn; arm it as a rule of its own.')
    return faults


def _read_fault(given: Any, other_keys: frozenset[str]) -> dict[str, Any]:
    """All parameters with a value. `other_keys` may stand beside them; they belong to the rule."""
    kind = KINDS.get(given["do"]) if isinstance(given, dict) and isinstance(given.get("do"), str) else None
    if kind is None:
        raise RuleError(f"do: one of {', '.join(KINDS)}.")
    fault = {"do": given["do"], **kind.defaults}
    for name, value in given.items():
        if name in kind.defaults:
            _check_parameter(name, value, may_be_list=not kind.is_lasting)
            fault[name] = value
        elif name not in other_keys:
            raise RuleError(f'{name}: "{given["do"]}" has no such parameter; it has {_names(kind.defaults)}.')
    return fault


def _names(defaults: dict[str, Any]) -> str:
    return ", ".join(defaults) or "none"


def _read_on(given: Any, faults: list[dict[str, Any]], is_random: bool) -> list[str]:
    kinds = [KINDS[fault["do"]] for fault in faults]
    if given is None:
        usual = ENDPOINTS if is_random else kinds[0].on
        if not usual:
            raise RuleError(
                f'on: say which endpoint "{faults[0]["do"]}" is for: {", ".join(ENDPOINTS)}, batches or all.'
            )
        return list(usual)
    names = given if isinstance(given, list) else [given]
    endpoints: list[str] = []
    for name in names:
        if not isinstance(name, str) or name not in (*ENDPOINTS, *GROUPS):
            raise RuleError(f"on: one or more of {', '.join(ENDPOINTS)}, or batches, or all.")
        endpoints += [endpoint for endpoint in GROUPS.get(name, (name,)) if endpoint not in endpoints]
        if not is_random and name not in GROUPS and name not in kinds[0].fits:
            raise RuleError(f'on: "{faults[0]["do"]}" does not fit {name}, only {", ".join(kinds[0].fits)}.')
    fitting = [endpoint for endpoint in endpoints if any(endpoint in kind.fits for kind in kinds)]
    if not fitting:
        raise RuleError("on: none of these faults fits these endpoints.")
    return fitting


def _read_times(given: dict[str, Any], *, is_lasting: bool) -> int | None:
    if given.get("times", "every" if is_lasting else 1) == "every":
        return None
    return _whole(given, "times", 1, 1, 10**9)


def _check_parameter(name: str, value: Any, *, may_be_list: bool) -> None:
    """A list stands for its members: one is drawn each time the fault acts."""
    if isinstance(value, list) and not (value and may_be_list):
        raise RuleError(f"{name}: one value.")
    for one in value if isinstance(value, list) else [value]:
        CHECKS[name](name, one)


def _whole(given: dict[str, Any], name: str, default: int, least: int, most: int) -> int:
    value = given.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise RuleError(f"{name}: a whole number from {least} to {most}.")
    return value


def _text_or_none(given: dict[str, Any], name: str) -> str | None:
    value = given.get(name)
    if value is not None and not isinstance(value, str):
        raise RuleError(f"{name}: a text.")
    return value


def _number(name: str, value: Any, most: float) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= most:
        raise RuleError(f"{name}: a number from 0 to {most}.")
    return value


def _from(least: int, most: int, *others: Any) -> Callable[[str, Any], object]:
    """A whole number, or one of the other values."""

    def check(name: str, value: Any) -> None:
        if not any(value is other or (value == other and isinstance(value, str)) for other in others):
            _whole({name: value}, name, 0, least, most)

    return check


def _one_of(*allowed: Any) -> Callable[[str, Any], object]:
    def check(name: str, value: Any) -> None:
        if not any(value is one or (value == one and isinstance(value, str)) for one in allowed):
            raise RuleError(f"{name}: one of {', '.join(map(str, allowed))}.")

    return check


def _check_word(name: str, value: Any) -> None:
    if value is not None and (not isinstance(value, str) or not WORD.fullmatch(value)):
        raise RuleError(f"{name}: a word of small letters, digits and underscores.")


def _check_text(name: str, value: Any) -> None:
    if not isinstance(value, str) or not 1 <= len(value) <= 1000:
        raise RuleError(f"{name}: a text of at most 1000 characters.")


CHECKS: dict[str, Callable[[str, Any], object]] = {
    "status": _from(400, 599),
    "type": _check_word,
    "message": _check_text,
    "error_code": _check_word,
    "retry_after": _from(0, MOST_SECONDS, None, USUAL),
    "should_retry": _one_of(None, True, False),
    "html": _one_of(True, False),
    "share": lambda name, value: _number(name, value, 1),
    "lines": _from(0, 10**6, None),
    "framing": _one_of(USUAL, "chunked", "length", "close"),
    "seconds": lambda name, value: _number(name, value, MOST_SECONDS),
    "since": _one_of("created", "ended", "both"),
    "count": _from(1, 100_000),
    "value": _check_word,
    "requests": _from(0, 10**9),
}
