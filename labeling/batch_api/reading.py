"""What the answers of the API say."""

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlencode

import httpx2
import orjson

from labeling.batch_api.body import CHUNK_BYTES
from labeling.batch_api.clients import asking_client
from labeling.batch_api.exchange import call, fault_of_question, request_id_of
from labeling.batch_api.words import ApiError, Fault, MessageBatch, ModelInfo, RequestCounts

log = logging.getLogger(__name__)
_T = TypeVar("_T")

BATCHES = "/v1/messages/batches"
_BATCH_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")


def parsed_as(response: httpx2.Response, parse: Callable[[Any], _T], fault: Fault) -> _T:
    """What a 2xx answer says. Raises ApiError with the given fault when it cannot be read."""
    try:
        data = orjson.loads(response.content)
        parsed = parse(data)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ApiError(
            f"The API answered {response.status_code} with something that cannot be read.",
            fault,
            status=response.status_code,
            request_id=request_id_of(response),
        ) from error
    if isinstance(parsed, MessageBatch):
        return replace(parsed, workspace_id=workspace_id_of(response))
    return parsed


def pages_of(path: str, parse: Callable[[Any], _T], limit: int, after_id: str | None) -> Iterator[_T]:
    """The elements of a list, page by page, until the API says that there are no more."""
    client = asking_client()
    while True:
        query = urlencode({"limit": limit} | ({"after_id": after_id} if after_id else {}))
        response = call(client, "GET", f"{path}?{query}", fault_of_question)
        page = parsed_as(response, lambda data: ([parse(entry) for entry in data["data"]], data), Fault.TRANSIENT)
        workspace_id = workspace_id_of(response)
        entries, data = page
        for entry in entries:
            yield replace(entry, workspace_id=workspace_id) if isinstance(entry, MessageBatch) else entry
        last_id = data.get("last_id")
        if not data.get("has_more") or not last_id or last_id == after_id:
            return
        after_id = last_id


def message_batch(data: Mapping[str, Any]) -> MessageBatch:
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


def checked_message(data: Mapping[str, Any]) -> None:
    if not (isinstance(data["id"], str) and isinstance(data["content"], list)):
        raise ValueError("not a message")


def model_info(data: Mapping[str, Any]) -> ModelInfo:
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
        deprecated_at=_time(data.get("deprecated_at")),
    )


def _time(value: str | None) -> datetime | None:
    """An RFC 3339 time; one without a zone is taken for UTC."""
    if not value:
        return None
    parsed = datetime.fromisoformat(value)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def chunks_of(response: httpx2.Response) -> Iterator[bytes]:
    try:
        yield from response.iter_bytes(CHUNK_BYTES)
    except httpx2.HTTPError as error:
        log.warning("the results of %s broke off: %s", response.url.path, type(error).__name__)
        raise ApiError(f"The stream of results broke off: {error or type(error).__name__}.", Fault.TRANSIENT) from error


def lines_of(chunks: Iterable[bytes]) -> Iterator[bytes]:
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


def batch_path(batch_id: str) -> str:
    if not _BATCH_ID.fullmatch(batch_id):
        raise ApiError(f"“{batch_id[:80]}” cannot be the id of a Message Batch.", Fault.PERMANENT)
    return f"{BATCHES}/{batch_id}"


def workspace_id_of(response: httpx2.Response) -> str:
    return response.headers.get("anthropic-workspace-id", "")
