"""The dashboard's numbers as plain data, for `status --json` and whatever watches the house from outside."""

from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError
from django.db.models import Count, Sum
from django.utils import timezone

from labeling import configuration, counts, ledger, waiting
from labeling.health.failing import failing
from labeling.health.heartbeat import cluster
from labeling.health.troubles import troubles
from labeling.models import Batch, Document, FoundBatch, Gate, LedgerCheck, Restoration, SpendTally
from labeling.money import limits
from labeling.states import BatchState, Found

STALE_BOOK = timedelta(minutes=30)
"""The book is checked every five minutes; a check that is older than this says nothing about now."""

WELL = frozenset({"up", "beating", "balances", "unchecked"})


def status() -> dict[str, Any]:
    """All of it; sums of money as strings with full precision."""
    states = dict(Batch.objects.values_list("state").annotate(n=Count("id")))
    return {
        "documents": {state.value: n for state, n in counts.documents_by_state().items()},
        "batches": {state.value: states.get(state.value, 0) for state in BatchState},
        "requests": {outcome.value: n for outcome, n in counts.requests_by_outcome().items()},
        "money": money(),
        "ledger": [{"name": i.name, "left": i.left, "right": i.right, "holds": i.holds} for i in ledger.identities()],
        "unbalanced": [{"subject": u.subject, "said": u.said, "rows": u.rows} for u in ledger.unbalanced()],
        "waiting": _waiting(),
        "doubtful_submissions": Batch.objects.doubtful().count(),
        "cluster": cluster(timezone.now()),
        "paused": paused(),
        "troubles": _troubles(),
        "limits": money_limits(),
        "restored": restored(),
    }


def _troubles() -> list[dict[str, str | None]]:
    """What needs a person, the gravest first, as on the first page and in `doctor`."""
    return [
        {
            "kind": trouble.kind,
            "subject": trouble.subject or None,
            "since": trouble.since.isoformat() if trouble.since else None,
            "sentence": trouble.sentence,
        }
        for trouble in troubles(configuration.load(), timezone.now())
    ]


def restored() -> dict[str, Any] | None:
    """What is still to be settled after a restore; None where nothing is."""
    restoration = Restoration.objects.filter(settled_at=None).first()
    if restoration is None:
        return None
    found = FoundBatch.objects.filter(restoration=restoration)
    return {
        "backup_made_at": restoration.backup_made_at.isoformat(),
        "restored_at": restoration.restored_at.isoformat(),
        "by": restoration.restored_by,
        "listed_at": restoration.listed_at.isoformat() if restoration.listed_at else None,
        "batches": {
            "listed": found.count(),
            "ours": found.filter(state=Found.MAPPED).count(),
            "running": found.open().count(),
        },
        "lines_mapped": int(found.aggregate(n=Sum("mapped"))["n"] or 0),
        "unknown_documents": int(found.aggregate(n=Sum("unknown"))["n"] or 0),
        "unknown_paid_usd": str(found.aggregate(usd=Sum("unknown_paid_usd"))["usd"] or 0),
        "unknown_unpriced": int(found.aggregate(n=Sum("unknown_unpriced"))["n"] or 0),
        "unclear": restoration.unclear,
        "waiting": Document.objects.leaders().waiting().count(),
    }


def health(now: datetime) -> dict[str, str]:
    """What /healthz says: a word for each part, nothing secret and nothing recomputed."""
    try:
        queues = _queues(now)
        check = LedgerCheck.objects.order_by("-id").first()
    except DatabaseError:
        return {"database": "down", "queues": "unknown", "book": "unknown"}
    if check is None:
        book = "unchecked"
    elif not check.holds:
        book = "wrong"
    else:
        book = "balances" if now - check.checked_at < STALE_BOOK else "stale"
    return {"database": "up", "queues": queues, "book": book}


def _queues(now: datetime) -> str:
    """A worker that beats may still fail in all it does."""
    if not all(cluster(now)["queues"].values()):
        return "silent"
    return "failing" if failing(now) else "beating"


def money() -> dict[str, Any]:
    """Everything that was ever booked; results without a known price are counted, never taken for free."""
    sums = SpendTally.objects.aggregate(list=Sum("list_usd"), paid=Sum("paid_usd"), unpriced=Sum("unpriced"))
    list_usd, paid_usd = sums["list"] or 0, sums["paid"] or 0
    return {
        "list_usd": str(list_usd),
        "paid_usd": str(paid_usd),
        "saved_usd": str(list_usd - paid_usd),
        "unpriced_results": int(sums["unpriced"] or 0),
    }


def money_limits() -> list[dict[str, Any]]:
    """The limits that are set, in USD with full precision, and whether something waits for them."""
    settings = configuration.load()
    if not limits.are_set(settings):
        return []
    over = limits.over(settings, timezone.now())
    pairs = ((over.night, over.batch_versions), (over.urgent, over.urgent_versions))
    return [
        {
            "scope": standing.scope.value,
            "date": standing.date.isoformat(),
            "limit_usd": str(standing.limit_usd),
            "released_usd": "all" if standing.all_released else str(standing.released_usd),
            "paid_usd": str(standing.paid_usd),
            "reserved_usd": str(standing.reserved_usd),
            "room_usd": None if standing.room_usd is None else str(standing.room_usd),
            "unknown": standing.unknown,
            "something_waits": bool(versions),
        }
        for standing, versions in pairs
        if standing.limit_usd is not None
    ]


def paused() -> list[dict[str, Any]]:
    """Every closed gate; an empty list when everything may leave."""
    return [
        {
            "task": gate.task.slug if gate.task else None,
            "kind": gate.kind,
            "by": gate.closed_by,
            "since": gate.closed_at.isoformat() if gate.closed_at else None,
            "reason": gate.reason,
        }
        for gate in Gate.objects.filter(closed_at__isnull=False).select_related("task").order_by("task_id")
    ]


def _waiting() -> dict[str, int]:
    found = waiting.reasons(configuration.load())
    return {reason.value if reason else "leaving": n for reason, n in found.items()}
