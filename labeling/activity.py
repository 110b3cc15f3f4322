"""Who did what: one line per act, appended in the transaction of the act."""

from typing import Any

from labeling.models import Activity


def record(by: Any, sentence: str, subject: str = "", **detail: Any) -> Activity:
    """`by` is a user, or the name of a worker or command; `subject` is like U-12, B-1041, task:invoices."""
    user = by if hasattr(by, "get_username") else None
    name = by.get_username() if user else str(by)
    return Activity.objects.create(user=user, by=name[:150], sentence=sentence, subject=subject[:60], detail=detail)
