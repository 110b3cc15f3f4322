"""Where calls go, with which key and on which connections."""

import logging
import os
from collections.abc import Callable
from functools import lru_cache
from urllib.parse import urlsplit

import anthropic
import httpx2

from batchsite.api_address import ApiAddress, api_address
from batchsite.environment import EnvironmentFault
from labeling.batch_api.body import WRITE_SECONDS
from labeling.batch_api.words import ApiError, Fault

log = logging.getLogger(__name__)

CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
"""How long a question may wait for the next byte of its answer."""


def asking_client() -> anthropic.Anthropic:
    """The client for questions: its connections are used again, by this process alone."""
    return _kept_client(os.getpid(), usable_address(), True)


def paying_client() -> anthropic.Anthropic:
    """The client for real-time calls, each on a connection of its own: on a used one that the other
    side has just closed, a call would be lost without a clear outcome."""
    return _kept_client(os.getpid(), usable_address(), False)


@lru_cache(maxsize=8)
def _kept_client(process_id: int, address: ApiAddress, reuse: bool) -> anthropic.Anthropic:
    """One client per process and address: after a fork the child must not use the parent's connections."""
    log.debug("process %s speaks to %s", process_id, address.base_url)
    return new_client(address, limits=httpx2.Limits(max_keepalive_connections=20 if reuse else 0))


def new_client(
    address: ApiAddress,
    *,
    limits: httpx2.Limits,
    on_request: Callable[[httpx2.Request], None] | None = None,
) -> anthropic.Anthropic:
    host = urlsplit(address.base_url).hostname or ""
    http_client = anthropic.DefaultHttpxClient(
        limits=limits,
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


def usable_address() -> ApiAddress:
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


def limits_of(read: float, *, write: float = WRITE_SECONDS) -> httpx2.Timeout:
    return httpx2.Timeout(connect=min(CONNECT_SECONDS, read), read=read, write=write, pool=CONNECT_SECONDS)
