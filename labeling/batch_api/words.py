"""What goes in and out of the calls: plain dataclasses, and the one error."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


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
    deprecated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """Where calls go and with which key; the key itself stays inside."""

    base_url: str
    key_fingerprint: str
    is_sandbox: bool
