"""Who did what: one line per act, appended in the transaction of the act."""

from typing import Any

from labeling.models import Activity

LONGEST_NAME = 150
"""Characters of a user name, and of the columns that remember one."""


def record(by: Any, sentence: str, subject: str = "", **detail: Any) -> Activity:
    """`by` is a user, or the name of a worker or command; `subject` is like U-12, B-1041, task:invoices."""
    user = by if hasattr(by, "get_username") else None
    return Activity.objects.create(user=user, by=name_of(by), sentence=sentence, subject=subject[:60], detail=detail)


def name_of(by: Any) -> str:
    """What is remembered of whoever acts: the name of the user, of the worker, or of the command."""
    return str(by.get_username() if hasattr(by, "get_username") else by)[:LONGEST_NAME]
