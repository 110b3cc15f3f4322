"""What the environment says when a process starts: read once, by name, and wrong values named in words.

Only what must be known before the database is: where the installation lives, which database and which
API account it uses, where the web listens. What operators change in the product is read elsewhere.
"""

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from environs import Env, EnvValidationError, ValidationError
from psycopg.conninfo import conninfo_to_dict

CHECKOUT = Path(__file__).resolve().parent.parent
HOSTNAME = re.compile(r"[A-Za-z0-9_.-]{1,253}")
YES, NO = {"1", "true", "yes", "on"}, {"", "0", "false", "no", "off"}


class EnvironmentFault(Exception):
    """The environment cannot be used; `sentences` has one sentence per wrong variable, none with a secret in it."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = sentences


@dataclass(frozen=True)
class Environment:
    """The start-time environment. Secrets are kept out of its repr, so they cannot reach a log by accident."""

    home: Path
    database_url: str | None = field(repr=False)
    api_key: str | None = field(repr=False)
    auth_token: str | None = field(repr=False)
    base_url: str | None
    host: str
    port: int
    public_url: str | None
    secret_key: str | None = field(repr=False)
    loopback_only: bool
    debug: bool

    @property
    def has_credentials(self) -> bool:
        """Whether an account of the API is named; without one everything runs against the sandbox."""
        return bool(self.api_key or self.auth_token)

    @property
    def secrets(self) -> list[str]:
        """The values that must never be shown or logged."""
        password = conninfo_to_dict(self.database_url).get("password") if self.database_url else None
        return [str(value) for value in (self.api_key, self.auth_token, self.secret_key, password) if value]


def read_environment() -> Environment:
    """The environment of this process as it is now. Raises EnvironmentFault."""
    env = Env(eager=False)
    found = Environment(
        home=Path(_text(env, "NIGHTSHIFT_HOME") or CHECKOUT / "var").expanduser().resolve(),
        database_url=_text(env, "DATABASE_URL", _database_url) or None,
        api_key=_text(env, "ANTHROPIC_API_KEY") or None,
        auth_token=_text(env, "ANTHROPIC_AUTH_TOKEN") or None,
        base_url=_text(env, "ANTHROPIC_BASE_URL", _web_address).rstrip("/") or None,
        host=_text(env, "HOST", _host).strip("[]") or "127.0.0.1",
        port=int(_text(env, "PORT", _port_number) or 8000),
        public_url=_text(env, "PUBLIC_URL", [_web_address, _no_path]).rstrip("/") or None,
        secret_key=_text(env, "NIGHTSHIFT_SECRET_KEY", _long_enough) or None,
        loopback_only=_text(env, "NIGHTSHIFT_LOOPBACK_ONLY", _yes_or_no).lower() in YES,
        debug=_text(env, "NIGHTSHIFT_DEBUG", _yes_or_no).lower() in YES,
    )
    _refuse(_faults(env) + _home_faults(found))
    return found


def is_loopback(url: str) -> bool:
    """Whether the address can only be this machine; a name other than localhost is never trusted to be."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _text(env: Env, variable: str, check: Any = None) -> str:
    """Stripped; "" where it is unset, blank or refused (the refusal is collected by `env`)."""
    return (env.str(variable, "", validate=check) or "").strip()


def _port_number(text: str) -> None:
    if text.strip() and not (text.strip().isdecimal() and 1 <= int(text) <= 65535):
        raise ValidationError("must be a whole number from 1 to 65535.")


def _yes_or_no(text: str) -> None:
    if text.strip().lower() not in YES | NO:
        raise ValidationError("must be 1 or 0 (true or false, yes or no, on or off).")


def _database_url(text: str) -> None:
    """The message of the parser quotes the address, password and all, so ours replaces it."""
    try:
        named = conninfo_to_dict(text.strip()).get("dbname") if text.strip() else "-"
    except psycopg.ProgrammingError:
        named = None
    if not named or (text.strip() and not text.strip().startswith(("postgres://", "postgresql://"))):
        raise ValidationError("must look like postgresql://user:password@host:5432/database.")


def _web_address(text: str) -> None:
    sentence = "must be a full address such as https://nightshift.example.com."
    if not text.strip():
        return
    try:
        parts = urlsplit(text.strip())
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.username or parts.password or parts.query or parts.fragment:
        raise ValidationError(sentence)


def _no_path(text: str) -> None:
    if urlsplit(text.strip()).path.strip("/"):
        raise ValidationError("must not have a path: Nightshift lives at the root of its address.")


def _host(text: str) -> None:
    name = text.strip().strip("[]")
    if not name or HOSTNAME.fullmatch(name):
        return
    try:
        ip_address(name)
    except ValueError:
        raise ValidationError("must be a host name or an IP address to listen on, such as 127.0.0.1.") from None


def _long_enough(text: str) -> None:
    if text.strip() and len(text.strip()) < 32:
        raise ValidationError("must have at least 32 characters.")


def _faults(env: Env) -> list[str]:
    """One sentence per variable that a parser refused."""
    try:
        env.seal()
    except EnvValidationError as error:
        messages = error.error_messages
        if isinstance(messages, dict):
            return [f"{variable} {_first(reasons)}" for variable, reasons in sorted(messages.items())]
        return [_first(messages)]
    return []


def _first(reasons: object) -> str:
    return str(reasons[0] if isinstance(reasons, list) and reasons else reasons)


def _home_faults(found: Environment) -> list[str]:
    """The embedded server hands its folder to a shell without quotes, so white space in the path cannot work."""
    if found.database_url is None and any(character.isspace() for character in str(found.home)):
        sentence = (
            f"NIGHTSHIFT_HOME is {str(found.home)!r}, and the embedded PostgreSQL cannot live in a path with white "
            "space: set NIGHTSHIFT_HOME to another folder, or DATABASE_URL to a PostgreSQL server."
        )
        return [sentence]
    return []


def _refuse(sentences: list[str]) -> None:
    if sentences:
        raise EnvironmentFault(sentences)
