"""What can be set when the sandbox starts: options of `python -m sandbox`, else SANDBOX_* variables, else defaults."""

from __future__ import annotations

import argparse
import ipaddress
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox import codec
from sandbox.rules import read_rules

MAX_BATCH_REQUESTS = 100_000
# "256 MB" is documented without saying MB or MiB; the smaller reading never lets a body through that the API refuses.
MAX_BATCH_BYTES = 256_000_000
MAX_MESSAGE_BYTES = 32_000_000


class SettingsError(ValueError):
    """A setting that cannot be used; the message is one sentence for a person."""


@dataclass(frozen=True)
class Settings:
    """Times are in seconds, sizes in bytes."""

    state: Path
    host: str = "127.0.0.1"
    port: int = 8787
    seconds_per_batch: float = 3.0
    seconds_per_message: float = 0.15
    max_batch_bytes: int = MAX_BATCH_BYTES
    faults: str = ""
    verbose: bool = False
    end_with_stdin: bool = False


def read_settings(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> Settings:
    """Raises SettingsError for a host that is not loopback or a number that makes no sense."""
    options = _parser(environment).parse_args(arguments)
    if not options.state:
        raise SettingsError("Say where the sandbox keeps its state: --state DIR or SANDBOX_STATE.")
    settings = Settings(**{**vars(options), "state": Path(options.state)})
    if not is_loopback(settings.host):
        raise SettingsError(f"The sandbox listens on loopback only, {settings.host} is not a loopback address.")
    if min(settings.seconds_per_batch, settings.seconds_per_message, settings.max_batch_bytes) < 0:
        raise SettingsError("Seconds and bytes must not be negative.")
    if not 0 <= settings.port <= 65535:
        raise SettingsError(f"{settings.port} is not a port number.")
    _check_faults(settings.faults)
    return settings


def _check_faults(text: str) -> None:
    try:
        if text:
            read_rules(codec.loads(text.encode()), str)
    except ValueError as error:
        raise SettingsError(f"The faults to start with cannot be read: {error}") from error


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="A local Message Batches API.")
    read = environment.get
    # argparse runs a default that is a string through `type`, so a bad variable is reported like a bad option.
    parser.add_argument("--state", default=read("SANDBOX_STATE"), help="folder for everything the sandbox keeps")
    parser.add_argument("--host", default=read("SANDBOX_HOST", Settings.host), help="a loopback address")
    parser.add_argument("--port", type=int, default=read("SANDBOX_PORT", str(Settings.port)), help="0 = any free port")
    parser.add_argument(
        "--seconds-per-batch",
        type=float,
        default=read("SANDBOX_SECONDS_PER_BATCH", str(Settings.seconds_per_batch)),
        help="a batch ends this long after its creation",
    )
    parser.add_argument(
        "--seconds-per-message",
        type=float,
        default=read("SANDBOX_SECONDS_PER_MESSAGE", str(Settings.seconds_per_message)),
        help="how long a real-time call takes",
    )
    parser.add_argument(
        "--max-batch-bytes",
        type=int,
        default=read("SANDBOX_MAX_BATCH_BYTES", str(Settings.max_batch_bytes)),
        help="a larger body is refused with 413",
    )
    parser.add_argument("--faults", default=read("SANDBOX_FAULTS", ""), help="faults to start with, as JSON")
    parser.add_argument("--verbose", action="store_true", default=read("SANDBOX_VERBOSE", "") not in ("", "0"))
    parser.add_argument("--end-with-stdin", action="store_true", help="end when standard input is closed")
    return parser
