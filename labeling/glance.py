"""One glance at what is seldom there: closed gates, orders to send now, what stands still.

Pages ask for a dozen such kinds every few seconds, and as a rule there are none. Whether there are any is asked in one
statement, which is put together once; only kinds of which there are some are read at all.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, TypeVar

from django.db import connection
from django.db.models import Model, QuerySet

from labeling.models import (
    Account,
    Batch,
    Candidate,
    Gate,
    LabelingTaskVersion,
    SendOrder,
    Setting,
    StrayLine,
    UnfinishedWork,
    Upload,
)
from labeling.states import UploadState, Verdict

M = TypeVar("M", bound=Model)

FAILING = "failing "
"""A setting whose key begins like this says that a schedule fails: `health/failing.py` writes it."""


@dataclass(frozen=True, eq=False, slots=True)
class Kind(Generic[M]):
    """Rows of which there are seldom any."""

    rows: Callable[[], QuerySet[M, M]]


CLOSED_GATES = Kind(lambda: Gate.objects.filter(closed_at__isnull=False).select_related("task").order_by("task_id"))
ORDERS = Kind(lambda: SendOrder.objects.pending())
MOVING = Kind(lambda: LabelingTaskVersion.objects.filter(moves_to__isnull=False))
LATE_TWINS = Kind(lambda: Candidate.objects.filter(verdict=Verdict.LATE_TWIN).select_related("batch"))
BATCHES_SET_ASIDE = Kind(lambda: Batch.objects.set_aside())
WORK_SET_ASIDE = Kind(lambda: UnfinishedWork.objects.set_aside().order_by("pk"))
STALLED_IMPORTS = Kind(lambda: Upload.objects.filter(state=UploadState.IMPORTING).exclude(error=""))
BATCHES_WITH_STRAYS = Kind(
    lambda: Batch.objects.filter(pk__in=StrayLine.objects.exclude(why="no_document").values("batch").distinct())
)
ACCOUNTS_WITH_STRANGERS = Kind(lambda: Account.objects.filter(foreign_seen_at__isnull=False))
UNREADABLE = Kind(lambda: Upload.objects.filter(state=UploadState.RECEIVED).exclude(error="").order_by("-id"))
FAILING_SCHEDULES = Kind(lambda: Setting.objects.filter(key__startswith=FAILING).order_by("key"))
TO_CONFIRM = Kind(lambda: Upload.objects.filter(state=UploadState.CHECKED))

_KINDS: tuple[Kind[Any], ...] = (
    CLOSED_GATES,
    ORDERS,
    MOVING,
    LATE_TWINS,
    BATCHES_SET_ASIDE,
    WORK_SET_ASIDE,
    STALLED_IMPORTS,
    BATCHES_WITH_STRAYS,
    ACCOUNTS_WITH_STRANGERS,
    UNREADABLE,
    FAILING_SCHEDULES,
    TO_CONFIRM,
)


@dataclass(frozen=True, slots=True)
class Glance:
    seen: frozenset[Kind[Any]]

    def of(self, kind: Kind[M]) -> QuerySet[M, M]:
        """The rows of a kind; of one that was not seen nothing, and without a question."""
        return kind.rows() if kind in self.seen else kind.rows().none()


def glance() -> Glance:
    statement, parameters = _statement()
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        row = cursor.fetchone()
    return Glance(frozenset(kind for kind, is_there in zip(_KINDS, row, strict=True) if is_there))


@cache
def _statement() -> tuple[str, tuple[Any, ...]]:
    """Conditions do not change, so that they are put into words once."""
    parts = [kind.rows().order_by().values("pk").query.sql_with_params() for kind in _KINDS]
    statement = "SELECT " + ", ".join(f"EXISTS ({sql})" for sql, _ in parts)
    return statement, tuple(parameter for _, parameters in parts for parameter in parameters)
