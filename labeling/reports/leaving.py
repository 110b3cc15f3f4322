"""What leaves next: waiting documents by version and way, with what they will cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.db.models import Sum

from labeling.glance import CLOSED_GATES, ORDERS, Glance
from labeling.models import DocumentTally, Gate, LabelingTask, LabelingTaskVersion, SendOrder
from labeling.money.estimating import Estimate, Load, Span, add_spans
from labeling.states import DocumentState, Way

from .prices import price_book


@dataclass(frozen=True, slots=True)
class Leaving:
    """Documents of one version that wait to leave one way, and about what they cost."""

    version: LabelingTaskVersion
    way: Way
    documents: int
    estimate: Estimate

    @property
    def list_price(self) -> Span:
        return self.estimate.real_time

    @property
    def price(self) -> Span:
        return self.estimate.price(self.way)


@dataclass(frozen=True, slots=True)
class TaskTonight:
    """What a person can do about a task that waits for tonight: it is held, about to leave, or can be either."""

    task: LabelingTask
    documents: int
    price: Span
    hold: Gate | None
    order: SendOrder | None


@dataclass(frozen=True, slots=True)
class LeavingNext:
    rows: Sequence[Leaving]
    holds: Mapping[int, Gate] = field(default_factory=dict)
    orders: Mapping[int, SendOrder] = field(default_factory=dict)

    @property
    def by_task(self) -> list[TaskTonight]:
        """Tasks of which something waits for tonight, in the order of the rows."""
        groups: dict[int, list[Leaving]] = {}
        for row in self.rows:
            if row.way == Way.TONIGHT:
                groups.setdefault(row.version.task_id, []).append(row)
        return [
            TaskTonight(
                rows[0].version.task,
                sum(row.documents for row in rows),
                add_spans(row.price for row in rows),
                self.holds.get(task_id),
                self.orders.get(task_id),
            )
            for task_id, rows in groups.items()
        ]

    @property
    def price_by_task(self) -> dict[int, Span]:
        """What all of a task that waits costs, whichever way it leaves."""
        tasks = {row.version.task_id for row in self.rows}
        return {pk: add_spans(row.price for row in self.rows if row.version.task_id == pk) for pk in tasks}

    @property
    def held_tonight(self) -> set[int]:
        """Tasks that are held and of which something waits for tonight: their row says what releasing them costs."""
        return {tonight.task.pk for tonight in self.by_task if tonight.hold}

    def by_way(self, way: Way) -> int:
        return sum(row.documents for row in self.rows if row.way == way)

    @property
    def tonight(self) -> int:
        return self.by_way(Way.TONIGHT)

    @property
    def now(self) -> int:
        return self.by_way(Way.NOW)

    @property
    def urgent(self) -> int:
        return self.by_way(Way.URGENT)

    @property
    def documents(self) -> int:
        return sum(row.documents for row in self.rows)

    @property
    def list_price(self) -> Span:
        return add_spans(row.list_price for row in self.rows)

    @property
    def price(self) -> Span:
        return add_spans(row.price for row in self.rows)

    @property
    def tonight_price(self) -> Span:
        return add_spans(row.price for row in self.rows if row.way == Way.TONIGHT)


def leaving_next(seen: Glance) -> LeavingNext:
    """Soonest first, then the most documents; from the tallies, so it counts no document."""
    waiting = {
        (version_id, Way(way)): (int(documents), Load(int(to_pay), int(size)))
        for version_id, way, documents, to_pay, size in DocumentTally.objects.filter(state=DocumentState.QUEUED)
        .order_by()
        .values_list("version_id", "way")
        .annotate(n=Sum("documents"), to_pay=Sum("leaders"), size=Sum("leader_bytes"))
        if documents
    }
    version_ids = {version_id for version_id, _ in waiting}
    versions = LabelingTaskVersion.objects.select_related("task").in_bulk(version_ids)
    prices = price_book(version_ids, versions)
    rows = [
        Leaving(versions[version_id], way, documents, prices.estimate(version_id, load))
        for (version_id, way), (documents, load) in waiting.items()
    ]
    order = list(Way)
    orders = seen.of(ORDERS).filter(task__isnull=False)
    return LeavingNext(
        rows=sorted(rows, key=lambda row: (order.index(row.way), -row.documents, row.version.pk)),
        holds={gate.task_id: gate for gate in seen.of(CLOSED_GATES) if gate.task_id},
        orders={pending.task_id: pending for pending in orders if pending.task_id},
    )
