"""Everything that came in is somewhere: the strip that says so, and when the book last agreed."""

from dataclasses import dataclass

from django.db.models import Subquery, Sum, Value
from django.db.models.functions import Coalesce

from labeling.models import DocumentTally, LedgerCheck, Upload
from labeling.states import DocumentState


@dataclass(frozen=True, slots=True)
class Balance:
    """Documents: accepted = the sum of the states, read in one statement."""

    accepted: int
    waiting: int
    in_flight: int
    labeled: int
    failed: int
    withdrawn: int
    check: LedgerCheck | None

    @property
    def somewhere(self) -> int:
        return self.waiting + self.in_flight + self.labeled + self.failed + self.withdrawn

    @property
    def holds(self) -> bool:
        return self.accepted == self.somewhere and (self.check is None or self.check.holds)

    @property
    def parts(self) -> list[tuple[str, int, str]]:
        return [
            ("ok", self.labeled, "labeled"),
            ("proc", self.in_flight, "in flight"),
            ("wait", self.waiting, "waiting"),
            ("err", self.failed, "failed"),
            ("can", self.withdrawn, "withdrawn"),
        ]


def balance(check: LedgerCheck | None) -> Balance:
    """Accepted and the states in one statement, so that they belong to one instant. `check`: the newest of the book."""
    everything = Upload.objects.order_by().values(one=Value(1)).annotate(n=Sum("accepted")).values("n")
    rows = list(
        DocumentTally.objects.order_by()
        .values("state")
        .annotate(n=Sum("documents"), accepted=Coalesce(Subquery(everything), Value(0)))
    )
    sums = {row["state"]: int(row["n"]) for row in rows}
    return Balance(
        accepted=int(rows[0]["accepted"]) if rows else 0,
        waiting=sums.get(DocumentState.QUEUED, 0),
        in_flight=sums.get(DocumentState.BATCHED, 0),
        labeled=sums.get(DocumentState.LABELED, 0),
        failed=sums.get(DocumentState.FAILED, 0),
        withdrawn=sums.get(DocumentState.WITHDRAWN, 0),
        check=check,
    )
