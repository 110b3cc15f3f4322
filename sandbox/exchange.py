"""What the endpoints see of HTTP: a request, a response, and the parts of the sandbox they work on."""

from __future__ import annotations

from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any

from sandbox import codec
from sandbox.account import Account
from sandbox.answers import AnswerDesk
from sandbox.batches import Batches
from sandbox.behavior import Behavior
from sandbox.bodies import RequestBody
from sandbox.clock import Clock
from sandbox.errors import ApiError, invalid
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


@dataclass
class Request:
    """`query` holds every value of every name. `base_url` is the address by which the client reached the sandbox."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: Message
    body: RequestBody
    base_url: str
    request_id: str

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
        data = self.body.read(limit)
        try:
            value = codec.loads(data)
        except ValueError as error:
            raise invalid(f"The request body is not valid JSON: {error}") from error
        if not isinstance(value, dict):
            raise invalid("Input should be a valid dictionary")
        return value


@dataclass
class Response:
    """Either `data` (sent with a Content-Length) or `file` (streamed in chunks)."""

    data: bytes = b""
    status: int = 200
    content_type: str = "application/json"
    file: Path | None = None
    headers: dict[str, str] = field(default_factory=dict)


def answer(value: Any, status: int = 200) -> Response:
    return Response(codec.dumps(value), status)


def error_answer(error: ApiError, request_id: str) -> Response:
    response = answer(error.envelope(request_id), error.status)
    if error.error_type == "rate_limit_error":
        response.headers["retry-after"] = "1"
    return response


def identity_headers(workspace: str | None) -> dict[str, str]:
    headers = {"anthropic-organization-id": ORGANIZATION_ID}
    if workspace is not None:
        headers["anthropic-workspace-id"] = workspace
    return headers
