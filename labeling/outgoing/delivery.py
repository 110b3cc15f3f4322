"""Takes the messages that are due, one after the other, and brings each to its receiver."""

import logging
import time

from django.utils import timezone

from labeling.models import Notice
from labeling.states import NoticeKind
from labeling.transitions import notices

from . import programs
from .people import Undelivered, tell
from .receivers import FAIL_PING, PING, WEBHOOK, addresses, named

log = logging.getLogger(__name__)


def deliver(seconds: float) -> int:
    """Until nothing is due or the time is over; how many arrived. Others may deliver at the same time."""
    end, arrived = time.monotonic() + seconds, 0
    while time.monotonic() < end and (notice := notices.claim(timezone.now())):
        arrived += attempt(notice)
    return arrived


def attempt(notice: Notice) -> bool:
    """One try of a claimed message. At least once: who dies between the call and the row leaves it to be told again."""
    try:
        _bring(notice)
    except Undelivered as failure:
        log.warning("%s did not arrive: %s", notice, failure)
        for_good = failure.for_good or notice.kind == NoticeKind.TEST
        notices.failed(notice, str(failure), timezone.now(), for_good=for_good)
        return False
    except Exception as error:  # of a library, about one receiver: the others are still to be told
        log.exception("%s did not arrive", notice)
        notices.failed(notice, f"{type(error).__name__} while it was sent.", timezone.now())
        return False
    return notices.delivered(notice, timezone.now())


def _bring(notice: Notice) -> None:
    urls = {WEBHOOK: addresses().webhook_url, PING: addresses().ping_url, FAIL_PING: addresses().ping_fail_url}
    if notice.receiver not in urls:
        receiver = named(notice.receiver)
        if receiver is None:
            raise Undelivered("This address is not set any more.", for_good=True)
        tell(receiver, notice.title, notice.body)
    elif not urls[notice.receiver]:
        raise Undelivered("This address is not set any more.", for_good=True)
    elif notice.receiver == WEBHOOK:
        programs.post_signed(notice)
    else:
        programs.ping(urls[notice.receiver])
