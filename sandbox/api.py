"""The endpoints of the API itself, as the real service offers them."""

from __future__ import annotations

import time
from typing import Any

from sandbox.account import Charge
from sandbox.answers import Circumstances, count_message_tokens
from sandbox.errors import ApiError
from sandbox.exchange import Request, Response, Sandbox, answer, html_answer
from sandbox.ids import random_id
from sandbox.models import describe_model, list_models
from sandbox.recipes import prefix_tokens
from sandbox.settings import MAX_MESSAGE_BYTES
from sandbox.splitting import split_requests
from sandbox.usage import REQUEST_TOKENS
from sandbox.validation import check_countable


def create_batch(sandbox: Sandbox, request: Request) -> Response:
    workspace, caller = request.workspace(), request.caller(in_batch=True)
    try:
        spooled = request.body.spool(sandbox.store.bodies, sandbox.settings.max_batch_bytes)
    except ApiError as error:
        if error.status == 413 and sandbox.behavior.switches.html_413:
            return html_answer(413)
        raise
    try:
        with open(spooled, "rb") as body:
            index = split_requests(body)
        # One at a time: two creates must not share the last room in the queue.
        with sandbox.batches.accepting:
            sandbox.faults.check_queue(request.target("create"), len(index))
            batch = sandbox.batches.accept(workspace, spooled, index, caller)
    finally:
        spooled.unlink(missing_ok=True)
    return answer(sandbox.batches.as_json(batch, request.base_url))


def list_batches(sandbox: Sandbox, request: Request) -> Response:
    page = sandbox.batches.page(
        request.workspace(),
        request.limit(),
        request.parameter("after_id"),
        request.parameter("before_id"),
        request.hidden_seconds,
    )
    data = [sandbox.batches.as_json(batch, request.base_url) for batch in page["data"]]
    return answer({**page, "data": data})


def retrieve_batch(sandbox: Sandbox, request: Request, batch_id: str) -> Response:
    batch = sandbox.batches.get(request.workspace(), batch_id)
    return answer(sandbox.batches.as_json(batch, request.base_url))


def cancel_batch(sandbox: Sandbox, request: Request, batch_id: str) -> Response:
    batch = sandbox.batches.cancel(request.workspace(), batch_id)
    return answer(sandbox.batches.as_json(batch, request.base_url))


def delete_batch(sandbox: Sandbox, request: Request, batch_id: str) -> Response:
    sandbox.batches.delete(request.workspace(), batch_id)
    return answer({"id": batch_id, "type": "message_batch_deleted"})


def batch_results(sandbox: Sandbox, request: Request, batch_id: str) -> Response:
    path = sandbox.batches.results_path(request.workspace(), batch_id)
    return Response(file=path, content_type="application/x-jsonl")


def create_message(sandbox: Sandbox, request: Request) -> Response:
    workspace, caller = request.workspace(), request.caller(in_batch=False)
    params = request.object(MAX_MESSAGE_BYTES)
    switches = sandbox.behavior.switches
    around = Circumstances(workspace, sandbox.clock.now(), switches.rates, sandbox.store.attempts)
    outcome = sandbox.desk.answer(params, caller, random_id("msg"), around)
    if outcome.counts_attempt:
        sandbox.store.count_attempt(outcome.document)
    if outcome.error is not None:
        raise outcome.error
    time.sleep(switches.seconds_per_message + outcome.slow_seconds)
    charge = Charge()
    if outcome.charged:
        charge = Charge([outcome.document], [], outcome.cost or 0, int(outcome.cost is None))
    sandbox.account.charge_message(charge)
    return Response(outcome.body)


def count_tokens(sandbox: Sandbox, request: Request) -> Response:
    request.workspace()
    request.caller(in_batch=False)
    params = request.object(MAX_MESSAGE_BYTES)
    check_countable(params)
    count = REQUEST_TOKENS + prefix_tokens(params) + count_message_tokens(params["messages"])
    return answer({"input_tokens": count})


def models(sandbox: Sandbox, request: Request) -> Response:
    request.workspace()
    lifecycles = request.query.get("lifecycle[]", []) + request.query.get("lifecycle", [])
    page: dict[str, Any] = list_models(
        lifecycles, request.limit(), request.parameter("after_id"), request.parameter("before_id")
    )
    return answer(page)


def model(sandbox: Sandbox, request: Request, model_id: str) -> Response:
    request.workspace()
    return answer(describe_model(model_id))
