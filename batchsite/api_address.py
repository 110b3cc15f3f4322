"""Which Message Batches API this installation speaks to: the account that the environment names, else the sandbox."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from batchsite.environment import EnvironmentFault, is_loopback, read_environment

REAL_API = "https://api.anthropic.com"
SANDBOX_KEY = "sandbox"


class ApiAddressRefused(EnvironmentFault):
    """Trying things out never spends: NIGHTSHIFT_LOOPBACK_ONLY is set and the address is not this machine's."""


@dataclass(frozen=True)
class ApiAddress:
    """Where to call and as whom. `base_url` is empty for a sandbox that never ran."""

    base_url: str
    api_key: str | None = field(repr=False)
    is_sandbox: bool
    auth_token: str | None = field(default=None, repr=False)


def api_address() -> ApiAddress:
    """The address as the environment says now. Raises ApiAddressRefused, EnvironmentFault."""
    environment = read_environment()
    if not environment.has_credentials:
        return ApiAddress(base_url=sandbox_url(environment.home), api_key=SANDBOX_KEY, is_sandbox=True)
    base_url = environment.base_url or REAL_API
    if environment.loopback_only and not is_loopback(base_url):
        raise ApiAddressRefused(
            [f"NIGHTSHIFT_LOOPBACK_ONLY is set, so {base_url} is not called: only an API on this machine may be."]
        )
    return ApiAddress(
        base_url=base_url, api_key=environment.api_key, is_sandbox=False, auth_token=environment.auth_token
    )


def sandbox_folder(home: Path) -> Path:
    """Where the sandbox of an installation keeps its state."""
    return home / "sandbox"


def address_file(home: Path) -> Path:
    """Written by whoever starts the sandbox: its `base_url` and its `pid`."""
    return sandbox_folder(home) / "address.json"


def sandbox_url(home: Path) -> str:
    """The last known address of the sandbox, "" where it never ran; it may have stopped since."""
    try:
        found = json.loads(address_file(home).read_text())
    except (OSError, ValueError):
        return ""
    return str(found.get("base_url", "")) if isinstance(found, dict) else ""
