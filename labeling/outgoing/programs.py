"""Calls to other programs: the ping after a night, and the signed webhook of an upload. One POST or GET, no redirect.

The addresses are the administrator's own, from the environment, so they may lead anywhere; nothing that a user of the
product types becomes part of one.
"""

from django.utils import timezone

from labeling.configuration import installation
from labeling.models import Notice

from .people import Undelivered
from .receivers import addresses, refuses

SECONDS = 10.0
"""To connect, and for each read: a call that hangs ends within some of these."""


def ping(url: str) -> None:
    """Raises Undelivered."""
    _call("GET", url, b"", {})


def post_signed(notice: Notice) -> None:
    """The body of the message, signed as the Standard Webhooks specification says: the id is the same in every try."""
    from standardwebhooks import Webhook

    now = timezone.now()
    identifier = f"msg_{installation()}_{notice.kind}_{notice.subject}"
    signature = Webhook(addresses().webhook_secret).sign(identifier, now, notice.body)
    headers = {
        "content-type": "application/json",
        "webhook-id": identifier,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature,
    }
    _call("POST", addresses().webhook_url, notice.body.encode(), headers)


def _call(method: str, url: str, body: bytes, headers: dict[str, str]) -> None:
    """Anything but a 2xx is a failure; of the answer only its status counts."""
    import httpx2

    if refuses(url):
        raise Undelivered("NIGHTSHIFT_LOOPBACK_ONLY is set, and this address is not on this machine.", for_good=True)
    agent = {"user-agent": "Nightshift"}
    try:
        with (
            httpx2.Client(timeout=SECONDS, follow_redirects=False, trust_env=False) as client,
            client.stream(method, url, content=body or None, headers={**agent, **headers}) as answer,
        ):
            status = answer.status_code
    except httpx2.HTTPError as error:
        raise Undelivered(f"No answer: {type(error).__name__}.") from None
    if not 200 <= status < 300:
        raise Undelivered(f"It answered {status}.")
