"""The Message Batches API and the Messages API as plain functions: the only import of anthropic.

Dataclasses in and out; every fault is an ApiError that says whether the request may have been
accepted. No call repeats itself: the create call is not idempotent, and for the others the next tick
is the retry (the SDK would sleep through a retry-after of an hour). Ids and statuses are logged, never
keys or text.
"""

import hashlib
import logging
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, Self, TypeVar
from urllib.parse import urlencode, urlsplit

import anthropic
import httpx2
import orjson

from batchsite.api_address import ApiAddress, api_address
from batchsite.environment import EnvironmentFault
from labeling.rules import SPEND_LIMIT_CODES

log = logging.getLogger(__name__)
_T = TypeVar("_T")

BATCHES = "/v1/messages/batches"
MESSAGES = "/v1/messages"
CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
"""How long a question may wait for the next byte of its answer."""
WRITE_SECONDS = 30.0
"""How long one chunk of a create call's body may take to leave."""
CHUNK_BYTES = 65_536
_BATCH_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")
LONGEST_MESSAGE = 500
"""Characters of the API's own words that are kept in an error."""


class Fault(StrEnum):
    """What a failed call means for what was asked."""

    PERMANENT = "permanent"
    """Refused for good: the same request fails again."""
    TRANSIENT = "transient"
    """Surely not accepted, or only a question: another time it may work."""
    UNCLEAR = "unclear"
    """The request may have been accepted, and paid for."""
    TOO_LARGE = "too_large"
    """Refused for its size: smaller parts may be accepted."""


class ApiError(Exception):
    """A call that brought no usable answer; `message` is a sentence without secrets.

    `retry_after` is in seconds, None where the API named no time.
    """

    def __init__(
        self,
        message: str,
        fault: Fault,
        *,
        status: int | None = None,
        error_type: str = "",
        error_code: str = "",
        retry_after: float | None = None,
        request_id: str = "",
    ) -> None:
        super().__init__(message, fault)
        self.message = message
        self.fault = fault
        self.status = status
        self.error_type = error_type
        self.error_code = error_code
        self.retry_after = retry_after
        self.request_id = request_id

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True, slots=True)
class RequestCounts:
    """The API's tallies of a Message Batch: all in `processing` until the whole batch has ended."""

    processing: int = 0
    succeeded: int = 0
    errored: int = 0
    canceled: int = 0
    expired: int = 0

    @property
    def total(self) -> int:
        """The number of requests that were submitted: the sum never changes."""
        return self.processing + self.succeeded + self.errored + self.canceled + self.expired


@dataclass(frozen=True, slots=True)
class MessageBatch:
    """The API's view of one Message Batch; `workspace_id` is that of the answer's header."""

    id: str
    processing_status: str
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None
    cancel_initiated_at: datetime | None = None
    archived_at: datetime | None = None
    counts: RequestCounts = field(default_factory=RequestCounts)
    results_url: str | None = None
    workspace_id: str = ""


@dataclass(frozen=True, slots=True)
class Created:
    """The answer to the one create call."""

    batch: MessageBatch
    request_id: str
    workspace_id: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to one real-time call; `raw` is the message's JSON exactly as it came."""

    raw: bytes
    request_id: str
    workspace_id: str


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What the API says about one model; None where it says nothing. It tells no prices."""

    id: str
    display_name: str
    lifecycle: str
    retires_at: datetime | None
    max_input_tokens: int | None
    max_tokens: int | None
    batch: bool | None
    structured_outputs: bool | None


@dataclass(frozen=True, slots=True)
class Account:
    """Where calls go and with which key; the key itself stays inside."""

    base_url: str
    key_fingerprint: str
    is_sandbox: bool


def create_batch(body: Path, *, deadline: datetime) -> Created:
    """Create a Message Batch from a file that holds the encoded body `{"requests": [...]}`.

    One POST. The body stops itself at the deadline, so a late one is never complete, and the wait for
    the answer ends there too. Raises ApiError: PERMANENT (refused), TOO_LARGE, TRANSIENT (surely not
    accepted) or UNCLEAR (anything else; the batch may exist). Raises OSError, and sends nothing, when the
    file cannot be opened.
    """
    with _BodyUntil(body, deadline) as reader:
        if reader.seconds_left() <= 0:
            raise ApiError("The time for the create call was over before it began.", Fault.TRANSIENT)
        with _one_call_client(on_request=reader.watch) as client:
            limits = _limits(reader.seconds_left(), write=reader.write_seconds)
            response = _call(client, "POST", BATCHES, _fault_of_create, content=reader, timeout=limits)
    batch = _parsed(response, _message_batch, Fault.UNCLEAR)
    return Created(batch, _request_id(response), _workspace_id(response))


def retrieve_batch(batch_id: str) -> MessageBatch:
    """The batch as the API sees it now. A 404 is TRANSIENT: it was seen for living batches."""
    response = _call(_client(), "GET", _batch_path(batch_id), _fault_of_known_batch)
    return _parsed(response, _message_batch, Fault.TRANSIENT)


def cancel_batch(batch_id: str) -> MessageBatch:
    """Ask the API to cancel; finished requests are kept and paid. Safe to repeat while canceling."""
    response = _call(_client(), "POST", f"{_batch_path(batch_id)}/cancel", _fault_of_known_batch)
    return _parsed(response, _message_batch, Fault.TRANSIENT)


def list_batches(*, limit: int = 100, after_id: str | None = None) -> Iterator[MessageBatch]:
    """Every Message Batch of the workspace, newest first, fetched page by page as it is consumed.

    `limit` is the size of a page (1 to 1,000); `after_id` starts behind that batch, so with the older
    ones. Batches of others in the same workspace are among them.
    """
    yield from _pages(BATCHES, _message_batch, limit, after_id)


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
    path = f"{_batch_path(batch_id)}/results"
    response = _call(_client(), "GET", path, _fault_of_known_batch, stream=True)
    try:
        yield _lines(_chunks(response))
    finally:
        response.close()


def send_message(params_json: bytes, *, timeout: float) -> Answered:
    """One real-time Messages call, never repeated; `timeout` in seconds between two bytes.

    Raises ApiError: TRANSIENT (surely not accepted, with retry_after where named), PERMANENT,
    TOO_LARGE or UNCLEAR (the answer was lost and may have been paid).
    """
    with _one_call_client() as client:
        response = _call(client, "POST", MESSAGES, _fault_of_message, content=params_json, timeout=_limits(timeout))
    _parsed(response, _checked_message, Fault.UNCLEAR)
    return Answered(response.content, _request_id(response), _workspace_id(response))


def count_tokens(params_json: bytes) -> int:
    """The API's estimate of the prompt tokens of such params; free of charge."""
    asked = {key: value for key, value in orjson.loads(params_json).items() if key != "max_tokens"}
    response = _call(_client(), "POST", f"{MESSAGES}/count_tokens", _fault_of_question, content=orjson.dumps(asked))
    return _parsed(response, lambda data: int(data["input_tokens"]), Fault.TRANSIENT)


def models() -> list[ModelInfo]:
    """Every model that the account may see."""
    return list(_pages("/v1/models", _model_info, limit=100, after_id=None))


def account() -> Account:
    """Where calls of this process go, and a fingerprint of the key that they carry."""
    address = _address()
    key = address.api_key or address.auth_token or ""
    return Account(address.base_url, hashlib.sha256(key.encode()).hexdigest()[:12], address.is_sandbox)


class _BodyUntil:
    """A request body read from a file that stops itself in time for the deadline.

    It looks at the wall clock before each chunk it hands out, because only that clock goes on while
    a machine is suspended, and at the steady clock, because the wall clock may be set back. It stops
    as long before the deadline as one chunk may take to leave. What has stopped lacks its last chunk:
    with an exact Content-Length no server takes it for complete.
    """

    def __init__(self, path: Path, deadline: datetime) -> None:
        self._file: BinaryIO = path.open("rb")
        self._deadline = deadline
        self._steady_deadline = time.monotonic() + self._wall_seconds_left()
        self._timeouts: dict[str, float | None] = {}
        self.write_seconds = max(0.1, min(WRITE_SECONDS, self.seconds_left() / 10))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def seconds_left(self) -> float:
        return min(self._wall_seconds_left(), self._steady_deadline - time.monotonic())

    def watch(self, request: httpx2.Request) -> None:
        """Keep the timeouts of the request that is about to be sent, to shorten the wait for its
        answer by the time that its body took: the deadline is one for the whole call."""
        self._timeouts = request.extensions["timeout"]

    def read(self, size: int = -1) -> bytes:
        left = self.seconds_left()
        chunk = self._file.read(size)
        if chunk and left <= self.write_seconds:
            raise TimeoutError("the time for the create call was over before its body was sent")
        self._timeouts["read"] = max(left, 0.1)
        return chunk

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self.read(CHUNK_BYTES), b"")

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def _wall_seconds_left(self) -> float:
        return (self._deadline - datetime.now(UTC)).total_seconds()


# Clients


def _client() -> anthropic.Anthropic:
    """The client for questions: its connections are kept, for this process alone."""
    return _kept_client(os.getpid(), _address())


@lru_cache(maxsize=4)
def _kept_client(process_id: int, address: ApiAddress) -> anthropic.Anthropic:
    """One client per process and address: after a fork the child must not use the parent's connections."""
    log.debug("process %s speaks to %s", process_id, address.base_url)
    return _new_client(address)


@contextmanager
def _one_call_client(on_request: Callable[[httpx2.Request], None] | None = None) -> Iterator[anthropic.Anthropic]:
    """A client for one call that is paid for, on a connection of its own: on a kept one that the
    other side has just closed, the call would be lost without a clear outcome."""
    with _new_client(_address(), on_request) as client:
        yield client


def _new_client(address: ApiAddress, on_request: Callable[[httpx2.Request], None] | None = None) -> anthropic.Anthropic:
    host = urlsplit(address.base_url).hostname or ""
    http_client = anthropic.DefaultHttpxClient(
        event_hooks={"request": [on_request] if on_request else []},
        # A proxy named by the environment cannot reach this machine's own loopback.
        mounts={f"all://{host}": None} if host in ("127.0.0.1", "::1", "localhost") else {},
    )
    return anthropic.Anthropic(
        api_key=address.api_key,
        auth_token=None if address.api_key else address.auth_token,
        base_url=address.base_url,
        max_retries=0,
        http_client=http_client,
        # Spans of the SDK may carry what was asked and answered.
        open_telemetry=False,
    )


def _address() -> ApiAddress:
    """The address to call. Raises ApiError when there is none that may be called; nothing is sent then."""
    try:
        address = api_address()
    except EnvironmentFault as fault:
        raise ApiError(str(fault), Fault.PERMANENT) from None
    if not address.base_url:
        raise ApiError("The sandbox is not running.", Fault.TRANSIENT)
    key = address.api_key or address.auth_token or ""
    if not (key and key.isascii() and key.isprintable()):
        raise ApiError("There is no API key, or it has characters that no key has.", Fault.PERMANENT)
    return address


def _limits(read: float, *, write: float = WRITE_SECONDS) -> httpx2.Timeout:
    return httpx2.Timeout(connect=min(CONNECT_SECONDS, read), read=read, write=write, pool=CONNECT_SECONDS)


# One exchange

FaultOf = Callable[["int | None", str], Fault]
"""Names the fault of a status and an error code; the status is None when no answer came back."""


def _call(
    client: anthropic.Anthropic,
    method: str,
    path: str,
    fault_of: FaultOf,
    *,
    content: Any = None,
    timeout: httpx2.Timeout | None = None,
    stream: bool = False,
) -> httpx2.Response:
    """One HTTP exchange: a 2xx response, its body read unless streamed. Raises ApiError."""
    options: Any = {
        "max_retries": 0,
        "timeout": timeout or _limits(READ_SECONDS),
        # A redirected POST would be a second POST; questions have nowhere else to go either.
        "follow_redirects": stream,
    }
    if stream:
        options["headers"] = {"X-Stainless-Raw-Response": "stream", "Accept": "application/binary"}
    try:
        if method == "GET":
            response = client.get(path, cast_to=httpx2.Response, options=options)
        else:
            response = client.post(path, cast_to=httpx2.Response, content=content, options=options)
    except anthropic.APIStatusError as error:
        raise _answered_with_error(error, fault_of) from None
    except (anthropic.APIConnectionError, httpx2.HTTPError) as error:
        raise _not_answered(error, client.base_url.host, fault_of) from error
    log.info("%s %s: %s, request %s", method, path, response.status_code, _request_id(response))
    return response


def _answered_with_error(error: anthropic.APIStatusError, fault_of: FaultOf) -> ApiError:
    """The ApiError of an answer that is not 2xx; its body may be the API's, or anything of a proxy."""
    status = error.status_code
    error_type, error_code = _text(error.type), _text(error.error_code)
    words = _text(error.api_message).replace(_key_of(error.request), "(key)")
    request_id = _text(error.request_id)
    log.warning("%s: %s %s, request %s", error.request.url.path, status, error_type, request_id)
    return ApiError(
        f"The API answered {status}{' ' if error_type else ''}{error_type}"
        + (f": {words[:LONGEST_MESSAGE]}" if words else ", without a reason that can be read."),
        fault_of(status, error_code),
        status=status,
        error_type=error_type,
        error_code=error_code,
        retry_after=_retry_after(error.response.headers),
        request_id=request_id,
    )


def _not_answered(error: Exception, host: str, fault_of: FaultOf) -> ApiError:
    """The ApiError of a call without an answer: surely not sent when no connection came about."""
    cause = error.__cause__ or error
    log.warning("no answer from %s: %s", host, type(cause).__name__)
    if isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout | httpx2.ProxyError):
        return ApiError(f"There is no connection to {host}: {cause or 'it took too long'}.", Fault.TRANSIENT)
    return ApiError(f"No answer came from {host}: {cause or type(cause).__name__}.", fault_of(None, ""))


def _key_of(request: httpx2.Request) -> str:
    """The key that a request carried, to keep it out of what is shown."""
    return request.headers.get("authorization", "").removeprefix("Bearer ") or "\0"


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from a number or an HTTP date; None where nothing usable is named."""
    named = headers.get("retry-after", "")
    try:
        return max(0.0, float(named))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(named) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None


# Which outcome is which fault

_REFUSED = frozenset({400, 401, 402, 403, 404})


def _fault_of_create(status: int | None, error_code: str) -> Fault:
    """Only a clear refusal is one: everything else may have made a Message Batch."""
    if status in _REFUSED or (status == 429 and error_code in SPEND_LIMIT_CODES):
        return Fault.PERMANENT
    if status == 413:
        return Fault.TOO_LARGE
    return Fault.TRANSIENT if status == 429 else Fault.UNCLEAR


def _fault_of_message(status: int | None, error_code: str) -> Fault:
    """As for create, but an overloaded service surely did not work, and every 4xx is a refusal."""
    if status == 529:
        return Fault.TRANSIENT
    if status is not None and 400 <= status < 500 and status not in (408, 409, 413, 429):
        return Fault.PERMANENT
    return _fault_of_create(status, error_code)


def _fault_of_question(status: int | None, error_code: str) -> Fault:
    """Questions may be asked again; nothing is ever unclear about them."""
    if status in (400, 401, 402, 403, 404, 413, 422) or error_code in SPEND_LIMIT_CODES:
        return Fault.PERMANENT
    return Fault.TRANSIENT


def _fault_of_known_batch(status: int | None, error_code: str) -> Fault:
    """A 404 for a batch that exists was seen just after create and just after its end."""
    return Fault.TRANSIENT if status == 404 else _fault_of_question(status, error_code)


# Reading answers


def _parsed(response: httpx2.Response, parse: Callable[[Any], _T], fault: Fault) -> _T:
    """What a 2xx answer says. Raises ApiError with the given fault when it cannot be read."""
    try:
        data = orjson.loads(response.content)
        parsed = parse(data)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ApiError(
            f"The API answered {response.status_code} with something that cannot be read.",
            fault,
            status=response.status_code,
            request_id=_request_id(response),
        ) from error
    if isinstance(parsed, MessageBatch):
        return replace(parsed, workspace_id=_workspace_id(response))
    return parsed


def _pages(path: str, parse: Callable[[Any], _T], limit: int, after_id: str | None) -> Iterator[_T]:
    """The elements of a list, page by page, until the API says that there are no more."""
    client = _client()
    while True:
        query = urlencode({"limit": limit} | ({"after_id": after_id} if after_id else {}))
        response = _call(client, "GET", f"{path}?{query}", _fault_of_question)
        page = _parsed(response, lambda data: ([parse(entry) for entry in data["data"]], data), Fault.TRANSIENT)
        workspace_id = _workspace_id(response)
        entries, data = page
        for entry in entries:
            yield replace(entry, workspace_id=workspace_id) if isinstance(entry, MessageBatch) else entry
        last_id = data.get("last_id")
        if not data.get("has_more") or not last_id or last_id == after_id:
            return
        after_id = last_id


def _message_batch(data: Mapping[str, Any]) -> MessageBatch:
    batch_id, status, created_at = data["id"], data["processing_status"], _time(data["created_at"])
    if not (isinstance(batch_id, str) and batch_id and isinstance(status, str) and created_at):
        raise ValueError("not a Message Batch")
    counts = data.get("request_counts") or {}
    return MessageBatch(
        id=batch_id,
        processing_status=status,
        created_at=created_at,
        expires_at=_time(data.get("expires_at")) or created_at + timedelta(hours=24),
        ended_at=_time(data.get("ended_at")),
        cancel_initiated_at=_time(data.get("cancel_initiated_at")),
        archived_at=_time(data.get("archived_at")),
        counts=RequestCounts(**{name: int(counts.get(name) or 0) for name in RequestCounts.__dataclass_fields__}),
        results_url=data.get("results_url"),
    )


def _checked_message(data: Mapping[str, Any]) -> None:
    if not (isinstance(data["id"], str) and isinstance(data["content"], list)):
        raise ValueError("not a message")


def _model_info(data: Mapping[str, Any]) -> ModelInfo:
    capabilities = data.get("capabilities") or {}
    return ModelInfo(
        id=data["id"],
        display_name=data.get("display_name") or data["id"],
        lifecycle=data.get("lifecycle") or "",
        retires_at=_time(data.get("retires_at")),
        max_input_tokens=data.get("max_input_tokens"),
        max_tokens=data.get("max_tokens"),
        batch=(capabilities.get("batch") or {}).get("supported"),
        structured_outputs=(capabilities.get("structured_outputs") or {}).get("supported"),
    )


def _time(value: str | None) -> datetime | None:
    """An RFC 3339 time; one without a zone is taken for UTC."""
    if not value:
        return None
    parsed = datetime.fromisoformat(value)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _chunks(response: httpx2.Response) -> Iterator[bytes]:
    try:
        yield from response.iter_bytes(CHUNK_BYTES)
    except httpx2.HTTPError as error:
        log.warning("the results of %s broke off: %s", response.url.path, type(error).__name__)
        raise ApiError(f"The stream of results broke off: {error or type(error).__name__}.", Fault.TRANSIENT) from error


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Split at line feeds; the pieces of a long line are joined once, blank lines left out."""
    pieces: list[bytes] = []
    for chunk in chunks:
        first, *others = chunk.split(b"\n")
        pieces.append(first)
        for other in others:
            line = b"".join(pieces)
            if line.strip():
                yield line
            pieces = [other]
    line = b"".join(pieces)
    if line.strip():
        yield line


def _batch_path(batch_id: str) -> str:
    if not _BATCH_ID.fullmatch(batch_id):
        raise ApiError(f"“{batch_id[:80]}” cannot be the id of a Message Batch.", Fault.PERMANENT)
    return f"{BATCHES}/{batch_id}"


def _request_id(response: httpx2.Response) -> str:
    return response.headers.get("request-id", "")


def _workspace_id(response: httpx2.Response) -> str:
    return response.headers.get("anthropic-workspace-id", "")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
