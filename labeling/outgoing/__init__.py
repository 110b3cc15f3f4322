"""What goes out besides the work itself: alarms, pings, morning reports, webhooks, each told once.

Every look leaves rows (labeling/transitions/notices.py), and delivery takes them from there, so a round may run twice,
at once, or die anywhere. It knows reports and transitions; only doors know it.
"""

import logging
from collections.abc import Callable
from datetime import datetime

from django.utils import timezone

from labeling.configuration import Configuration

from . import alarms, delivery, nights, uploads

log = logging.getLogger(__name__)

SECONDS = 25.0
"""For the deliveries of one round: less than half of what a tick may take."""

_LOOKS: tuple[Callable[[Configuration, datetime], object], ...] = (alarms.look, nights.look, uploads.look)


def go_round(settings: Configuration, *, seconds: float = SECONDS) -> int:
    """Look at everything that may have to be told, then deliver what is due; how many messages arrived.

    A look that fails keeps no other from its work: an alarm matters most when something is broken.
    """
    for look in _LOOKS:
        try:
            look(settings, timezone.now())
        except Exception:
            log.exception("a look at what is to be told failed: %s", look.__module__)
    return delivery.deliver(seconds)
