"""What the endpoints see of HTTP: a request, a response, and the parts of the sandbox they work on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from email.message import Message
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal

from sandbox import codec
from sandbox.account import Account
from sandbox.answers import AnswerDesk
from sandbox.batches import Batches
from sandbox.behavior import Behavior
from sandbox.bodies import RequestBody
from sandbox.clock import Clock
from sandbox.errors import ApiError, invalid
from sandbox.faults import Faults, Target
from sandbox.ids import ORGANIZATION_ID, workspace_of
from sandbox.settings import Settings
from sandbox.store import Store
from sandbox.validation import VERSIONS, Caller

MOST_CONTROL_BYTES = 1_000_000


@dataclass(frozen=True)
class Sandbox:
    settings: Settings
    clock: Clock
    store: Store
    account: Account
    behavior: Behavior
    desk: AnswerDesk
    batches: Batches
    faults: Faults


@dataclass
class Request:
    """`query` holds every value of every name. `base_url` is the address by which the client reached the sandbox.

    `hidden_seconds`: a list leaves out batches younger than this. `fault`: what acted on the call, for the log.
    """

    method: str
    path: str
    query: dict[str, list[str]]
    headers: Message
    body: RequestBody
    base_url: str
    request_id: str
    hidden_seconds: float = 0
    fault: str = ""

    def target(self, endpoint: str, batch_id: str | None = None) -> Target:
        """The call as the faults see it."""
        try:
            return Target(endpoint, batch_id, self.workspace())
        except ApiError:
            return Target(endpoint, batch_id, None)

    def workspace(self) -> str:
        """Of the API key, whatever it is. Raises the API's 401 without one."""
        key = self.headers.get("x-api-key", "").strip()
        scheme, _, token = self.headers.get("Authorization", "").strip().partition(" ")
        if not key and scheme.lower() == "bearer":
            key = token.strip()
        if not key:
            raise ApiError("authentication_error", "x-api-key header is required")
        return workspace_of(key)

    def caller(self, *, in_batch: bool) -> Caller:
        """Raises ApiError (400) without a known anthropic-version."""
        version = self.headers.get("anthropic-version")
        if not version:
            raise invalid("anthropic-version: header is required")
        if version not in VERSIONS:
            raise invalid(f'anthropic-version: "{version}" is not a valid version')
        betas = ",".join(self.headers.get_all("anthropic-beta", [])).split(",")
        return Caller(
            version=version,
            betas=tuple(beta.strip() for beta in betas if beta.strip()),
            in_batch=in_batch,
            user_profile_id=self.headers.get("anthropic-user-profile-id"),
        )

    def parameter(self, name: str) -> str | None:
        values = self.query.get(name)
        return values[-1] if values else None

    def limit(self, default: int = 20, most: int = 1000) -> int:
        text = self.parameter("limit")
        if text is None:
            return default
        if not text.lstrip("-").isdecimal():
            raise invalid("limit: Input should be a valid integer, unable to parse string as an integer")
        if int(text) < 1:
            raise invalid("limit: Input should be greater than or equal to 1")
        if int(text) > most:
            raise invalid(f"limit: Input should be less than or equal to {most}")
        return int(text)

    def object(self, limit: int = MOST_CONTROL_BYTES) -> dict[str, Any]:
        """The body as a JSON object. Raises ApiError for anything else."""
        value = self.json(limit)
        if not isinstance(value, dict):
            raise invalid("Input should be a valid dictionary")
        return value

    def json(self, limit: int = MOST_CONTROL_BYTES) -> Any:
        """The body as any JSON. Raises ApiError for what is none."""
        data = self.body.read(limit)
        try:
            return codec.loads(data)
        except ValueError as error:
            raise invalid(f"The request body is not valid JSON: {error}") from error


Framing = Literal["length", "chunked", "close"]


@dataclass(frozen=True)
class Flaw:
    """After `at` bytes the body stops for `stall_seconds`, or for good if `is_cut`. `framing` overrides the usual one;
    with `close` (no length, no chunks, the end is where the connection ends) a cut looks like a proper end."""

    at: int
    is_cut: bool = False
    stall_seconds: float = 0
    framing: Framing | None = None


@dataclass
class Response:
    """Either `data` (sent with a Content-Length) or `file` or `lines` (streamed in chunks).

    `lost`: nothing is sent; the connection is closed, or reset.
    """

    data: bytes = b""
    status: int = 200
    content_type: str = "application/json"
    file: Path | None = None
    lines: Iterable[bytes] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    flaw: Flaw | None = None
    lost: Literal["", "closed", "reset"] = ""

    @property
    def size(self) -> int:
        """Bytes of `data` or `file`."""
        return len(self.data) if self.file is None else self.file.stat().st_size


def answer(value: Any, status: int = 200) -> Response:
    return Response(codec.dumps(value), status)


def error_answer(error: ApiError, request_id: str) -> Response:
    response = answer(error.envelope(request_id), error.status)
    if error.retry_after is not None:
        response.headers["retry-after"] = str(error.retry_after)
    return response


def html_answer(status: int) -> Response:
    """An error page as a proxy in front of the API writes it."""
    phrase = "Request Entity Too Large" if status == 413 else _phrase(status)
    page = (
        f"<html>\r\n<head><title>{status} {phrase}</title></head>\r\n"
        f"<body>\r\n<center><h1>{status} {phrase}</h1></center>\r\n</body>\r\n</html>\r\n"
    )
    return Response(page.encode(), status, "text/html")


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else "Error"


def identity_headers(workspace: str | None) -> dict[str, str]:
    headers = {"anthropic-organization-id": ORGANIZATION_ID}
    if workspace is not None:
        headers["anthropic-workspace-id"] = workspace
    return headers
