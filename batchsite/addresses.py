"""Whom Nightshift tells: addresses for alarms, reports, pings and webhooks, from the environment alone.

They carry passwords and tokens, so they are never stored, and pages show their kinds and not more.
"""

import base64
import binascii
import hmac
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from batchsite.environment import EnvironmentFault, is_loopback

LEAST_SECRET_BYTES = 24
"""Of a webhook's secret, as the Standard Webhooks specification asks for."""

_MAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://.", re.IGNORECASE)
_BETWEEN_URLS = re.compile(r"[\s,]+(?=[a-z][a-z0-9+.-]*://)", re.IGNORECASE)


@dataclass(frozen=True)
class Receiver:
    """One address of people: a mailbox or a chat. `url` is written as apprise reads it."""

    kind: str
    url: str = field(repr=False)

    def name(self, key: str) -> str:
        """Tells receivers apart without telling what they are; `key` keeps a short token from being guessed."""
        return f"{self.kind}:{hmac.new(key.encode(), self.url.encode(), 'sha256').hexdigest()[:12]}"

    @property
    def is_loopback(self) -> bool:
        return is_loopback(self.url)


@dataclass(frozen=True)
class Addresses:
    """What the environment says; nothing of it may be shown or stored but `described`."""

    alarms: tuple[Receiver, ...] = ()
    reports: tuple[Receiver, ...] = ()
    ping_url: str = field(default="", repr=False)
    ping_fail_url: str = field(default="", repr=False)
    webhook_url: str = field(default="", repr=False)
    webhook_secret: str = field(default="", repr=False)

    @property
    def secrets(self) -> list[str]:
        """Everything that must not reach a log, the longest first."""
        urls = [receiver.url for receiver in (*self.alarms, *self.reports)]
        found = {self.webhook_secret, self.webhook_secret.removeprefix("whsec_")}
        for url in (*urls, self.ping_url, self.ping_fail_url, self.webhook_url):
            found |= {url, *_secret_parts(url)}
        return sorted((secret for secret in found if secret), key=len, reverse=True)


def described(receivers: Iterable[Receiver]) -> str:
    """For a page: `set, 2 addresses: mailto, slack`."""
    kinds = [receiver.kind for receiver in receivers]
    if not kinds:
        return "not set"
    return f"set, {len(kinds)} {'address' if len(kinds) == 1 else 'addresses'}: {', '.join(kinds)}"


def read_addresses(environ: Mapping[str, str] | None = None) -> Addresses:
    """Raises EnvironmentFault with a sentence per wrong variable, none with a value in it."""
    reader = _Reader(os.environ if environ is None else environ)
    mail = reader.mail_server()
    alarms = (
        *reader.mailboxes("NIGHTSHIFT_ALARM_MAIL_TO", mail),
        *reader.chats("NIGHTSHIFT_ALARM_URLS"),
    )
    reports = (
        *reader.mailboxes("NIGHTSHIFT_REPORT_MAIL_TO", mail),
        *reader.chats("NIGHTSHIFT_REPORT_URLS"),
    )
    found = Addresses(
        alarms=alarms,
        reports=reports or alarms,
        ping_url=reader.web_address("NIGHTSHIFT_PING_URL"),
        ping_fail_url=reader.web_address("NIGHTSHIFT_PING_FAIL_URL"),
        webhook_url=reader.web_address("NIGHTSHIFT_WEBHOOK_URL"),
        webhook_secret=reader.webhook_secret(),
    )
    if reader.sentences:
        raise EnvironmentFault(reader.sentences)
    return found


@dataclass(frozen=True)
class _MailServer:
    """Where mail is handed over: `mode` is ssl, starttls or insecure."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    mode: str
    sender: str

    def receiver(self, mailbox: str) -> Receiver:
        login = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}@" if self.user else ""
        query = urlencode({"smtp": self.host, "from": self.sender, "to": mailbox, "mode": self.mode})
        scheme = "mailto" if self.mode == "insecure" else "mailtos"
        return Receiver("mailto", f"{scheme}://{login}{self.host}:{self.port}/?{query}")


class _Reader:
    """Reads variable after variable and collects what is wrong."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.sentences: list[str] = []

    def text(self, variable: str) -> str:
        return self.environ.get(variable, "").strip()

    def mail_server(self) -> _MailServer | None:
        url, sender = self.text("NIGHTSHIFT_SMTP_URL"), self.text("NIGHTSHIFT_MAIL_FROM")
        if not url:
            return None
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            host, port = "", None
        if not host or parts.scheme not in ("smtp", "smtps"):
            self.sentences.append(
                "NIGHTSHIFT_SMTP_URL must look like smtps://user:password@mail.example.com:465, with smtp:// for "
                "STARTTLS; characters such as @ or / in the password are written as %40 or %2F."
            )
            return None
        user, password = _unquoted(parts.username), _unquoted(parts.password)
        sender = sender or user
        if not _MAIL.fullmatch(sender):
            self.sentences.append(
                "NIGHTSHIFT_MAIL_FROM must be one address such as nightshift@example.com: who these mails are from."
            )
        plain = dict(parse_qsl(parts.query)).get("tls", "").lower() in ("no", "off", "0") or is_loopback(url)
        mode = "ssl" if parts.scheme == "smtps" else "insecure" if plain else "starttls"
        usual = {"ssl": 465, "starttls": 587, "insecure": 25}[mode]
        return _MailServer(host, port or usual, user, password, mode, sender)

    def mailboxes(self, variable: str, mail: _MailServer | None) -> list[Receiver]:
        names = [name for name in re.split(r"[\s,;]+", self.text(variable)) if name]
        if any(not _MAIL.fullmatch(name) for name in names):
            self.sentences.append(f"{variable} must be mail addresses with commas between them.")
            return []
        if names and mail is None:
            if not self.text("NIGHTSHIFT_SMTP_URL"):
                self.sentences.append(f"{variable} needs NIGHTSHIFT_SMTP_URL: the server that takes the mail.")
            return []
        return [mail.receiver(name) for name in names] if mail else []

    def chats(self, variable: str) -> list[Receiver]:
        urls = [url for url in _BETWEEN_URLS.split(self.text(variable)) if url]
        if any(not _SCHEME.match(url) or any(character.isspace() for character in url) for url in urls):
            self.sentences.append(
                f"{variable} must be addresses as apprise writes them, such as slack://... or json://..., with "
                "blanks or commas between them."
            )
            return []
        return [Receiver(url.partition("://")[0].lower(), url) for url in urls]

    def web_address(self, variable: str) -> str:
        url = self.text(variable)
        try:
            parts = urlsplit(url)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if url and (not usable or any(character.isspace() for character in url)):
            self.sentences.append(f"{variable} must be a full address that begins with https:// or http://.")
        return url

    def webhook_secret(self) -> str:
        secret, url = self.text("NIGHTSHIFT_WEBHOOK_SECRET"), self.text("NIGHTSHIFT_WEBHOOK_URL")
        if not secret:
            if url:
                self.sentences.append(
                    "NIGHTSHIFT_WEBHOOK_URL needs NIGHTSHIFT_WEBHOOK_SECRET, so that its receiver can check who writes."
                )
            return ""
        try:
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            key = b""
        if len(key) < LEAST_SECRET_BYTES:
            self.sentences.append(
                "NIGHTSHIFT_WEBHOOK_SECRET must be whsec_ and at least 24 random bytes in base64; "
                '`python -c "import base64, os; print(base64.b64encode(os.urandom(32)).decode())"` makes the latter.'
            )
        return secret


def _unquoted(text: str | None) -> str:
    return unquote(text or "")


def _secret_parts(url: str) -> set[str]:
    """The pieces of an address that a message of a library may quote by themselves."""
    try:
        parts = urlsplit(url)
        password = parts.password
    except ValueError:
        return set()
    pieces = [*parts.path.split("/"), *(value for _, value in parse_qsl(parts.query))]
    tokens = {piece for piece in pieces if _is_token(piece)}
    return tokens | {text for text in (password, _unquoted(password)) if text and len(text) >= 6}


def _is_token(text: str) -> bool:
    """Long, and of letters and digits: words such as `services` stay readable in a log."""
    return len(text) >= 8 and "@" not in text and any(c.isdigit() for c in text) and any(c.isalpha() for c in text)
