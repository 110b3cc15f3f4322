"""An admin lets more money go on one date than its limit allows."""

from datetime import date
from decimal import Decimal

from labeling.models import LimitRelease
from labeling.states import LimitScope


def release(scope: LimitScope, day: date, amount_usd: Decimal | None, *, by: str, why: str) -> LimitRelease:
    """`amount_usd` on top of the limit; None: without limit on that date. A row that stays, like every decision."""
    return LimitRelease.objects.create(scope=scope, date=day, amount_usd=amount_usd, by=by, why=why)
