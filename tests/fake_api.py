"""An in-memory stand-in for `labeling.batch_api`, with memory: answers queued in, calls listed out.

Use `FakeApi().install(monkeypatch)`: it replaces the functions of `labeling.batch_api`, so that
modules which call `batch_api.create_batch(...)` reach it. The contract tests run the same checks on
this and on the real module against the sandbox.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from labeling import batch_api
from labeling.batch_api import (
    Account,
    Answered,
    ApiError,
    Created,
    Fault,
    MessageBatch,
    ModelInfo,
    RequestCounts,
)
from labeling.messages.catalogue import MODELS
from labeling.money.pricing import SEED_PRICES

FUNCTIONS = (
    "create_batch",
    "retrieve_batch",
    "cancel_batch",
    "list_batches",
    "newest_batch_id",
    "result_lines",
    "send_message",
    "count_tokens",
    "models",
    "account",
)
WORKSPACE = "wrkspc_fake"
CONTEXT_TOKENS = 200_000

Answer = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Makes the `result` of a result line from the params of a request."""


def message(
    text: str, *, model: str = "claude-haiku-5-5", stop_reason: str = "end_turn", **usage: int
) -> dict[str, Any]:
    """A message of the model; tokens by keyword, 50 in and 20 out unless told."""
    tokens = {"input_tokens": 50, "output_tokens": 20} | usage
    content = [{"type": "text", "text": text}] if text else []
    return {
        "id": "msg_fake",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": stop_reason,
        "usage": tokens,
    }


def succeeded(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "succeeded", "message": message(text, **more)}


def errored(error_type: str, words: str = "it is so") -> dict[str, Any]:
    error = {"type": "error", "error": {"type": error_type, "message": words}, "request_id": None}
    return {"type": "errored", "error": error}


def expired() -> dict[str, Any]:
    return {"type": "expired"}


def canceled() -> dict[str, Any]:
    return {"type": "canceled"}


def first_label(params: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to a valid request: its first label, the smallest JSON of its schema, or a text."""
    text = params["messages"][-1]["content"]
    schema = params.get("output_config", {}).get("format", {}).get("schema")
    if schema is None:
        return succeeded(f"About: {text}", model=params["model"])
    return succeeded(orjson.dumps(smallest(schema)).decode(), model=params["model"])


def smallest(schema: Mapping[str, Any]) -> Any:
    """The smallest value that fits a schema without formats, patterns and references."""
    if schema.get("enum"):
        return schema["enum"][0]
    if schema.get("type") == "object":
        properties = schema.get("properties", {})
        return {name: smallest(properties[name]) for name in schema.get("required", ())}
    return {"string": "x", "number": 1, "integer": 1, "boolean": True, "array": []}.get(str(schema.get("type")))


class FakeApi:
    """A workspace of the API in memory. Its batches stay in progress until `end()`.

    `calls` lists (function name, argument); `answers` are results handed out in order before
    `answer` makes the others; `fail()` queues faults per function.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.answers: deque[Mapping[str, Any]] = deque()
        self.answer: Answer = first_label
        self.batches: dict[str, MessageBatch] = {}
        self.requests: dict[str, list[dict[str, Any]]] = {}
        self.lines: dict[str, list[bytes]] = {}
        self._faults: dict[str, deque[ApiError]] = {}
        self._lost: deque[ApiError] = deque()

    def install(self, monkeypatch: pytest.MonkeyPatch) -> "FakeApi":
        for name in FUNCTIONS:
            monkeypatch.setattr(batch_api, name, getattr(self, name))
        return self

    # What a test does to it

    def fail(self, function: str, fault: Fault, message: str = "It was made to fail.", **more: Any) -> None:
        """The next call of a function fails, and nothing of it is accepted."""
        self._faults.setdefault(function, deque()).append(ApiError(message, fault, **more))

    def lose_answer_of_create(self, message: str = "The answer was lost.") -> None:
        """The next create call is accepted and its answer lost: UNCLEAR, and the batch exists."""
        self._lost.append(ApiError(message, Fault.UNCLEAR))

    def end(self, batch_id: str | None = None, *, keep: int | None = None) -> None:
        """End one batch, or all that are not ended; `keep` writes only that many result lines."""
        for known in [batch_id] if batch_id else list(self.batches):
            if self.batches[known].processing_status != "ended":
                self._end(known, keep)

    def add_foreign(self, requests: int = 1, *, created_at: datetime | None = None) -> MessageBatch:
        """A batch of somebody else in the same workspace."""
        params = {"model": "x", "messages": [{"content": "theirs"}]}
        entries = [{"custom_id": f"theirs-{n}", "params": params} for n in range(requests)]
        return self._add(entries, created_at)

    def called(self, function: str) -> list[Any]:
        """The arguments of the calls of one function, in order."""
        return [argument for name, argument in self.calls if name == function]

    # The functions of batch_api

    def create_batch(self, body: Path, *, deadline: datetime) -> Created:
        self._call("create_batch", body)
        entries = orjson.loads(body.read_bytes())["requests"]
        batch = self._add(entries)
        if self._lost:
            raise self._lost.popleft()
        return Created(batch, f"req_{batch.id}", WORKSPACE)

    def retrieve_batch(self, batch_id: str) -> MessageBatch:
        self._call("retrieve_batch", batch_id)
        return self._known(batch_id)

    def cancel_batch(self, batch_id: str) -> MessageBatch:
        self._call("cancel_batch", batch_id)
        batch = self._known(batch_id)
        if batch.processing_status == "ended":
            return batch
        self.batches[batch_id] = replace(batch, processing_status="canceling", cancel_initiated_at=datetime.now(UTC))
        return self.batches[batch_id]

    def list_batches(self, *, limit: int = 100, after_id: str | None = None) -> Iterator[MessageBatch]:
        self._call("list_batches", after_id)
        newest_first = sorted(self.batches.values(), key=lambda batch: (batch.created_at, batch.id), reverse=True)
        ids = [batch.id for batch in newest_first]
        yield from newest_first[ids.index(after_id) + 1 if after_id else 0 :]

    def newest_batch_id(self) -> str:
        return next((batch.id for batch in self.list_batches(limit=1)), "")

    @contextmanager
    def result_lines(self, batch_id: str) -> Iterator[Iterator[bytes]]:
        self._call("result_lines", batch_id)
        if self._known(batch_id).processing_status != "ended":
            raise ApiError("The results are not there yet.", Fault.TRANSIENT, status=404)
        yield iter(self.lines[batch_id])

    def send_message(self, params_json: bytes, *, timeout: float) -> Answered:
        params = orjson.loads(params_json)
        self._call("send_message", params)
        result = self._next_result(params)
        if result["type"] == "errored":
            error = result["error"]["error"]
            raise ApiError(error["message"], Fault.PERMANENT, status=400, error_type=error["type"])
        return Answered(orjson.dumps(result["message"]), f"req_{len(self.calls)}", WORKSPACE)

    def count_tokens(self, params_json: bytes) -> int:
        self._call("count_tokens", params_json)
        return len(params_json) // 4

    def models(self) -> list[ModelInfo]:
        self._call("models", None)
        priced = {price.model for price in SEED_PRICES}
        return [
            ModelInfo(model.id, model.id, "active", None, CONTEXT_TOKENS, model.max_output_tokens, True, True)
            for model in MODELS.values()
            if model.id in priced
        ]

    def account(self) -> Account:
        return Account("http://127.0.0.1:9", "fake", True)

    # Inside

    def _call(self, function: str, argument: Any) -> None:
        self.calls.append((function, argument))
        if self._faults.get(function):
            raise self._faults[function].popleft()

    def _known(self, batch_id: str) -> MessageBatch:
        if batch_id not in self.batches:
            raise ApiError("The API answered 404 not_found_error.", Fault.TRANSIENT, status=404)
        return self.batches[batch_id]

    def _add(self, entries: list[dict[str, Any]], created_at: datetime | None = None) -> MessageBatch:
        batch_id = f"msgbatch_{len(self.batches) + 1:06}"
        created_at = created_at or datetime.now(UTC)
        batch = MessageBatch(
            id=batch_id,
            processing_status="in_progress",
            created_at=created_at,
            expires_at=created_at + timedelta(hours=24),
            counts=RequestCounts(processing=len(entries)),
            workspace_id=WORKSPACE,
        )
        self.batches[batch_id] = batch
        self.requests[batch_id] = entries
        return batch

    def _end(self, batch_id: str, keep: int | None) -> None:
        """Results come back to front: their order is not the requests' order."""
        entries = [(entry["custom_id"], self._next_result(entry["params"])) for entry in self.requests[batch_id]]
        lines = [orjson.dumps({"custom_id": custom_id, "result": result}) for custom_id, result in reversed(entries)]
        self.lines[batch_id] = lines if keep is None else lines[:keep]
        kinds = [str(result["type"]) for _, result in entries]
        known = ("succeeded", "errored", "canceled", "expired")
        self.batches[batch_id] = replace(
            self.batches[batch_id],
            processing_status="ended",
            ended_at=datetime.now(UTC),
            results_url=f"http://127.0.0.1:9/v1/messages/batches/{batch_id}/results",
            counts=RequestCounts(**{kind: kinds.count(kind) for kind in known}),
        )

    def _next_result(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        return self.answers.popleft() if self.answers else self.answer(params)
