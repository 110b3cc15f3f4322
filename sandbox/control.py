"""The endpoints that the real service does not have: they need no key and are documented in sandbox/README.md."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from sandbox.bodies import write_foreign_body
from sandbox.clock import rfc3339
from sandbox.errors import invalid
from sandbox.exchange import Request, Response, Sandbox, answer
from sandbox.splitting import CUSTOM_ID, split_requests

MOST_FOREIGN_BATCHES = 1000
MOST_FOREIGN_REQUESTS = 100_000
MOST_SECONDS = 10 * 365 * 86_400


def health(sandbox: Sandbox, request: Request) -> Response:
    return answer({"status": "ok", "pid": os.getpid(), "open_batches": sandbox.store.accepted()["open_batches"]})


def account(sandbox: Sandbox, request: Request) -> Response:
    return answer(sandbox.account.summary(sandbox.store.accepted()))


def show_clock(sandbox: Sandbox, request: Request) -> Response:
    return answer({"now": rfc3339(sandbox.clock.now()), "offset_seconds": sandbox.clock.offset_seconds})


def move_clock(sandbox: Sandbox, request: Request) -> Response:
    """Forward only: a service whose time runs backwards would prove nothing."""
    wanted = request.object()
    seconds = wanted.get("advance_seconds")
    if set(wanted) != {"advance_seconds"} or isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise invalid("advance_seconds: Input should be a number of seconds, and the only key")
    if not 0 <= seconds <= MOST_SECONDS:
        raise invalid(f"advance_seconds: Input should be between 0 and {MOST_SECONDS}")
    sandbox.store.save_setting("clock_offset", sandbox.clock.advance(seconds))
    sandbox.batches.wake()
    return show_clock(sandbox, request)


def show_behavior(sandbox: Sandbox, request: Request) -> Response:
    return answer(sandbox.behavior.as_json())


def change_behavior(sandbox: Sandbox, request: Request) -> Response:
    sandbox.behavior.change(request.object(), sandbox.clock.now())
    sandbox.batches.wake()
    return show_behavior(sandbox, request)


def show_faults(sandbox: Sandbox, request: Request) -> Response:
    return answer(sandbox.faults.as_json())


def arm_faults(sandbox: Sandbox, request: Request) -> Response:
    return answer(sandbox.faults.arm(request.json()))


def clear_faults(sandbox: Sandbox, request: Request) -> Response:
    """All of them, or with `?id=` one."""
    sandbox.faults.clear(request.parameter("id"))
    return show_faults(sandbox, request)


def add_foreign_batches(sandbox: Sandbox, request: Request) -> Response:
    """Batches of another program in the workspace of the key that is sent along; the account leaves them out."""
    workspace, wanted = request.workspace(), request.object()
    count = _whole(wanted, "count", 1, MOST_FOREIGN_BATCHES)
    requests = _whole(wanted, "requests", 3, MOST_FOREIGN_REQUESTS)
    prefix, model = wanted.get("prefix", "other-program"), wanted.get("model", "claude-haiku-5-5")
    if not isinstance(prefix, str) or not CUSTOM_ID.fullmatch(prefix) or len(prefix) > 50:
        raise invalid("prefix: String should match pattern '^[a-zA-Z0-9_-]{1,50}$'")
    if not isinstance(model, str) or not CUSTOM_ID.fullmatch(model):
        raise invalid("model: Input should be a model id")
    ids = [_add_foreign(sandbox, request, workspace, requests, prefix, model) for _ in range(count)]
    return answer({"ids": ids})


def _add_foreign(sandbox: Sandbox, request: Request, workspace: str, requests: int, prefix: str, model: str) -> str:
    handle, name = tempfile.mkstemp(prefix="incoming-", suffix=".json", dir=sandbox.store.bodies)
    with open(handle, "w+b") as file:
        write_foreign_body(file, requests, prefix, model)
        file.seek(0)
        index = split_requests(file)
    caller = request.caller(in_batch=True)
    return sandbox.batches.accept(workspace, Path(name), index, caller, is_foreign=True).id


def _whole(wanted: dict[str, Any], name: str, default: int, most: int) -> int:
    value = wanted.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise invalid(f"{name}: Input should be a whole number from 1 to {most}")
    return value
