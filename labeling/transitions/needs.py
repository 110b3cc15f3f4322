"""Who has a need in hand: the first one's row stands, whoever comes second reads it."""

from collections.abc import Collection
from typing import Any

from labeling.models import Taken


def take(key: str, *, by: Any, note: str) -> tuple[Taken, bool]:
    """The row of whoever has it, and whether this call made it."""
    return Taken.objects.get_or_create(key=key, defaults={"user": by, "by": by.get_username(), "note": note})


def give_back(key: str) -> Taken | None:
    """The row that stood there; None if nobody had it any more."""
    taken = Taken.objects.filter(key=key).first()
    gone, _ = Taken.objects.filter(pk=taken.pk).delete() if taken else (0, {})
    return taken if gone else None


def forget_settled(open_keys: Collection[str]) -> int:
    """What is no need any more is in nobody's hands: if it comes again it is a new one."""
    gone, _ = Taken.objects.exclude(key__in=open_keys).delete()
    return gone
