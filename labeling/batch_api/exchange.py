"""One HTTP exchange, and which outcome is which fault."""

import logging
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import anthropic
import httpx2

from labeling.batch_api.clients import READ_SECONDS, limits_of
from labeling.batch_api.words import ApiError, Fault
from labeling.messages.rules import SPEND_LIMIT_CODES

log = logging.getLogger(__name__)

LONGEST_MESSAGE = 500
"""Characters of the API's own words that are kept in an error."""
LONGEST_WAIT = 86_400.0
"""Seconds; who is asked to wait longer than a day may ask again after one."""


FaultOf = Callable[["int | None", str], Fault]
"""Names the fault of a status and an error code; the status is None when no answer came back."""


def call(
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
        "timeout": timeout or limits_of(READ_SECONDS),
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
    log.info("%s %s: %s, request %s", method, path, response.status_code, request_id_of(response))
    return response


def _answered_with_error(error: anthropic.APIStatusError, fault_of: FaultOf) -> ApiError:
    """The ApiError of an answer that is not 2xx; its body may be the API's, or anything of a proxy."""
    status = error.status_code
    error_type, error_code = text_or_blank(error.type), text_or_blank(error.error_code)
    words = text_or_blank(error.api_message).replace(_key_of(error.request), "(key)")
    request_id = text_or_blank(error.request_id)
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
        seconds = float(named)
    except ValueError:
        seconds = _seconds_until(named)
    return min(max(seconds, 0.0), LONGEST_WAIT) if math.isfinite(seconds) else None


def _seconds_until(date: str) -> float:
    """Seconds until an HTTP date; NaN where it is none."""
    try:
        return (parsedate_to_datetime(date) - datetime.now(UTC)).total_seconds()
    except (TypeError, ValueError):
        return math.nan


def request_id_of(response: httpx2.Response) -> str:
    return response.headers.get("request-id", "")


def text_or_blank(value: object) -> str:
    return value if isinstance(value, str) else ""


_REFUSED = frozenset({400, 401, 402, 403, 404})


def fault_of_create(status: int | None, error_code: str) -> Fault:
    """Only a clear refusal is one: everything else may have made a Message Batch."""
    if status in _REFUSED or (status == 429 and error_code in SPEND_LIMIT_CODES):
        return Fault.PERMANENT
    if status == 413:
        return Fault.TOO_LARGE
    return Fault.TRANSIENT if status == 429 else Fault.UNCLEAR


def fault_of_message(status: int | None, error_code: str) -> Fault:
    """As for create, but an overloaded service surely did not work, and every 4xx is a refusal."""
    if status == 529:
        return Fault.TRANSIENT
    if status is not None and 400 <= status < 500 and status not in (408, 409, 413, 429):
        return Fault.PERMANENT
    return fault_of_create(status, error_code)


def fault_of_question(status: int | None, error_code: str) -> Fault:
    """Questions may be asked again; nothing is ever unclear about them."""
    if status in (400, 401, 402, 403, 404, 413, 422) or error_code in SPEND_LIMIT_CODES:
        return Fault.PERMANENT
    return Fault.TRANSIENT


def fault_of_known_batch(status: int | None, error_code: str) -> Fault:
    """A 404 for a batch that exists was seen just after create and just after its end."""
    return Fault.TRANSIENT if status == 404 else fault_of_question(status, error_code)
