"""The Message Batches API and the Messages API as plain functions: the only import of anthropic.

Dataclasses in and out; every fault is an ApiError that says whether the request may have been
accepted. No call repeats itself: the create call is not idempotent, and for the others the next tick
is the retry (the SDK would sleep through a retry-after of an hour). Ids and statuses are logged, never
keys or text.

    words      the dataclasses and the error        body      a request body that stops at its deadline
    clients    where calls go, on which connection   exchange  one HTTP exchange and its faults
    reading    what the answers say
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import httpx2
import orjson

from labeling import faults
from labeling.batch_api.body import BodyUntil
from labeling.batch_api.clients import asking_client, limits_of, new_client, paying_client, usable_address
from labeling.batch_api.exchange import (
    call,
    fault_of_create,
    fault_of_known_batch,
    fault_of_message,
    fault_of_question,
    request_id_of,
)
from labeling.batch_api.reading import (
    BATCHES,
    batch_path,
    checked_message,
    chunks_of,
    lines_of,
    message_batch,
    model_info,
    pages_of,
    parsed_as,
    workspace_id_of,
)
from labeling.batch_api.words import (
    Account,
    Answered,
    ApiError,
    Created,
    Fault,
    MessageBatch,
    ModelInfo,
    RequestCounts,
)

__all__ = [
    "Account",
    "Answered",
    "ApiError",
    "Created",
    "Fault",
    "MessageBatch",
    "ModelInfo",
    "RequestCounts",
    "account",
    "cancel_batch",
    "count_tokens",
    "create_batch",
    "list_batches",
    "models",
    "newest_batch_id",
    "result_lines",
    "retrieve_batch",
    "send_message",
]

MESSAGES = "/v1/messages"


def create_batch(body: Path, *, deadline: datetime) -> Created:
    """Create a Message Batch from a file that holds the encoded body `{"requests": [...]}`.

    One POST. The body stops itself at the deadline, so a late one is never complete, and the wait for
    the answer ends there too. Raises ApiError: PERMANENT (refused), TOO_LARGE, TRANSIENT (surely not
    accepted) or UNCLEAR (anything else; the batch may exist). Raises OSError, and sends nothing, when the
    file cannot be opened.
    """
    with BodyUntil(body, deadline) as reader:
        if reader.seconds_left() <= 0:
            raise ApiError("The time for the create call was over before it began.", Fault.TRANSIENT)
        with new_client(usable_address(), limits=httpx2.Limits(), on_request=reader.watch) as client:
            limits = limits_of(reader.seconds_left(), write=reader.write_seconds)
            response = call(client, "POST", BATCHES, fault_of_create, content=reader, timeout=limits)
    faults.reach("create: answered")
    batch = parsed_as(response, message_batch, Fault.UNCLEAR)
    return Created(batch, request_id_of(response), workspace_id_of(response))


def retrieve_batch(batch_id: str) -> MessageBatch:
    """The batch as the API sees it now. A 404 is TRANSIENT: it was seen for living batches."""
    response = call(asking_client(), "GET", batch_path(batch_id), fault_of_known_batch)
    return parsed_as(response, message_batch, Fault.TRANSIENT)


def cancel_batch(batch_id: str) -> MessageBatch:
    """Ask the API to cancel; finished requests are kept and paid. Safe to repeat while canceling."""
    response = call(asking_client(), "POST", f"{batch_path(batch_id)}/cancel", fault_of_known_batch)
    return parsed_as(response, message_batch, Fault.TRANSIENT)


def list_batches(*, limit: int = 100, after_id: str | None = None) -> Iterator[MessageBatch]:
    """Every Message Batch of the workspace, newest first, fetched page by page as it is consumed.

    `limit` is the size of a page (1 to 1,000); `after_id` starts behind that batch, so with the older
    ones. Batches of others in the same workspace are among them.
    """
    yield from pages_of(BATCHES, message_batch, limit, after_id)


def newest_batch_id() -> str:
    """The id of the newest Message Batch of the workspace; "" when there is none."""
    return next((batch.id for batch in list_batches(limit=1)), "")


@contextmanager
def result_lines(batch_id: str) -> Iterator[Iterator[bytes]]:
    """The result lines of an ended batch as raw JSON, one object each, in any order.

    They are split at line feeds only: U+2028 and the like occur inside the texts. A stream that
    breaks raises ApiError TRANSIENT; one that ends early without breaking looks complete, so the
    lines are to be compared with the counts.
    """
    path = f"{batch_path(batch_id)}/results"
    response = call(asking_client(), "GET", path, fault_of_known_batch, stream=True)
    try:
        yield lines_of(chunks_of(response))
    finally:
        response.close()


def send_message(params_json: bytes, *, timeout: float) -> Answered:
    """One real-time Messages call, never repeated; `timeout` in seconds between two bytes.

    Raises ApiError: TRANSIENT (surely not accepted, with retry_after where named), PERMANENT,
    TOO_LARGE or UNCLEAR (the answer was lost and may have been paid).
    """
    limits = limits_of(timeout)
    response = call(paying_client(), "POST", MESSAGES, fault_of_message, content=params_json, timeout=limits)
    parsed_as(response, checked_message, Fault.UNCLEAR)
    return Answered(response.content, request_id_of(response), workspace_id_of(response))


def count_tokens(params_json: bytes) -> int:
    """The API's estimate of the prompt tokens of such params; free of charge."""
    asked = {key: value for key, value in orjson.loads(params_json).items() if key != "max_tokens"}
    response = call(asking_client(), "POST", f"{MESSAGES}/count_tokens", fault_of_question, content=orjson.dumps(asked))
    return parsed_as(response, lambda data: int(data["input_tokens"]), Fault.TRANSIENT)


def models() -> list[ModelInfo]:
    """Every model that the account may see."""
    return list(pages_of("/v1/models", model_info, limit=100, after_id=None))


def account() -> Account:
    """Where calls of this process go, and a fingerprint of the key that they carry."""
    address = usable_address()
    key = address.api_key or address.auth_token or ""
    return Account(address.base_url, hashlib.sha256(key.encode()).hexdigest()[:12], address.is_sandbox)
