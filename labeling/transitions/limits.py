"""An admin lets more money go on one date than its limit allows."""

from datetime import date
from decimal import Decimal

from django.db import transaction
from django.db.models import Max

from labeling.models import LimitRelease
from labeling.states import LimitScope

from .locking import lock_releases_of_limits


def release(
    scope: LimitScope, day: date, amount_usd: Decimal | None, *, seen: int, by: str, why: str
) -> LimitRelease | None:
    """`amount_usd` on top of the limit; None: without limit on that date. A row that stays, like every decision.

    `seen` is the newest release that the person was shown, 0 for none. None if there is a newer one: two who release
    the same at once, or one who presses twice, would let go twice as much.
    """
    with transaction.atomic():
        lock_releases_of_limits()
        if (LimitRelease.objects.aggregate(n=Max("pk"))["n"] or 0) != seen:
            return None
        return LimitRelease.objects.create(scope=scope, date=day, amount_usd=amount_usd, by=by, why=why)
