"""Whom this installation tells, by names that say nothing secret."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings

from batchsite.addresses import Addresses, Receiver, described
from batchsite.environment import is_loopback
from batchsite.web_address import local_url

WEBHOOK = "webhook"
PING = "ping"
FAIL_PING = "fail ping"


@dataclass(frozen=True, slots=True)
class Shown:
    """A kind of address for the page of settings: the variables that set it, and what is set."""

    what: str
    variables: str
    is_set: str


def addresses() -> Addresses:
    found: Addresses = settings.ADDRESSES
    return found


def names(receivers: Iterable[Receiver]) -> list[str]:
    return [receiver.name(settings.SECRET_KEY) for receiver in receivers]


def named(name: str) -> Receiver | None:
    """The mailbox or chat of that name; None when it is not set any more."""
    everybody = (*addresses().alarms, *addresses().reports)
    return next((receiver for receiver in everybody if receiver.name(settings.SECRET_KEY) == name), None)


def refuses(url: str) -> bool:
    """Trying things out tells nobody: with NIGHTSHIFT_LOOPBACK_ONLY only this machine is called."""
    return bool(settings.ENVIRONMENT.loopback_only) and not is_loopback(url)


def link(path: str) -> str:
    """A page's address as people reach it."""
    return f"{settings.ENVIRONMENT.public_url or local_url(settings.ENVIRONMENT)}{path}"


def shown() -> list[Shown]:
    found = addresses()
    return [
        Shown("Alarms", "NIGHTSHIFT_ALARM_MAIL_TO, NIGHTSHIFT_ALARM_URLS", described(found.alarms)),
        Shown("Morning report", "NIGHTSHIFT_REPORT_MAIL_TO, NIGHTSHIFT_REPORT_URLS", described(found.reports)),
        Shown("Ping after each night", "NIGHTSHIFT_PING_URL", _set(found.ping_url)),
        Shown("Ping when a night fails", "NIGHTSHIFT_PING_FAIL_URL", _set(found.ping_fail_url)),
        Shown(
            "Webhook when an upload is done",
            "NIGHTSHIFT_WEBHOOK_URL, NIGHTSHIFT_WEBHOOK_SECRET",
            _set(found.webhook_url),
        ),
    ]


def _set(url: str) -> str:
    return "set" if url else "not set"
