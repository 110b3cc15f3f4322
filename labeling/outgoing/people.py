"""Messages to mailboxes and chats, by apprise. Only a worker or a command loads it: it is large."""

import re
from typing import Any

from batchsite.addresses import Receiver
from batchsite.logs import redacted

from .receivers import addresses, refuses

_MAILBOX = re.compile(r"[^@\s\"<>]+@[^@\s\"<>]+")


class Undelivered(Exception):
    """A message did not arrive; the sentence says why, without the address. `for_good`: trying again is no use."""

    def __init__(self, sentence: str, *, for_good: bool = False) -> None:
        super().__init__(_MAILBOX.sub("…", redacted(sentence, addresses().secrets)))
        self.for_good = for_good


def tell(receiver: Receiver, title: str, body: str) -> None:
    """Plain text to one receiver. Raises Undelivered."""
    import apprise

    if refuses(receiver.url):
        raise Undelivered("NIGHTSHIFT_LOOPBACK_ONLY is set, and this address is not on this machine.", for_good=True)
    asset = apprise.AppriseAsset(app_id="Nightshift", app_desc="Nightshift", async_mode=False)
    target: Any = apprise.Apprise.instantiate(receiver.url, asset=asset, suppress_exceptions=True)
    if target is None:
        raise Undelivered(f"apprise cannot read the address that begins with {receiver.kind}://.", for_good=True)
    with apprise.LogCapture(level=apprise.logging.WARNING, fmt="%(message)s") as said:
        arrived = target.notify(body=body, title=title, body_format=apprise.NotifyFormat.TEXT)
        words = said.getvalue()
    if not arrived:
        raise Undelivered(_last_line(words) or "The receiver did not take it.")


def _last_line(words: str) -> str:
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    return " ".join(lines[-2:])
