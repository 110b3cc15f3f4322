"""Addresses on loopback. Django is imported late, because this file is read before it is set up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from tests.outgoing.receiver import Mailbox, Receiver, http_receiver, mail_receiver

if TYPE_CHECKING:
    from batchsite.addresses import Addresses

SECRET = "whsec_bmlnaHRzaGlmdC1uaWdodHNoaWZ0LW5pZ2h0c2hpZnQ="


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with http_receiver() as found:
        yield found


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with mail_receiver() as found:
        yield found


@pytest.fixture
def set_addresses(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Addresses]:
    """Makes the addresses of this environment those of the installation."""
    from django.conf import settings

    from batchsite.addresses import read_addresses

    def make(**environ: str) -> Addresses:
        found = read_addresses({f"NIGHTSHIFT_{name}": value for name, value in environ.items()})
        monkeypatch.setattr(settings, "ADDRESSES", found)
        return found

    return make


@pytest.fixture
def chat(set_addresses: Callable[..., Addresses], receiver: Receiver) -> Receiver:
    """One address for alarms and reports: a JSON webhook as apprise calls it."""
    set_addresses(ALARM_URLS=receiver.url.replace("http://", "json://") + "/alarms")
    return receiver
