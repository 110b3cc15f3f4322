"""What every page shows around its own matter: counts, the next submission, whether sending is paused."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Sum

from labeling import nights
from labeling.configuration import Configuration
from labeling.models import Batch, DocumentTally, Gate
from labeling.states import DocumentState

from .failures import count_causes


@dataclass(frozen=True, slots=True)
class Shell:
    batches_open: int
    decisions: int
    waiting: int
    next_due: datetime
    paused: bool


def shell(settings: Configuration, now: datetime) -> Shell:
    """Four small queries, whatever the number of documents."""
    sums = dict(
        DocumentTally.objects.filter(state__in=(DocumentState.QUEUED, DocumentState.FAILED))
        .values_list("state")
        .annotate(n=Sum("documents"))
    )
    return Shell(
        batches_open=Batch.objects.open().count(),
        decisions=count_causes() if sums.get(DocumentState.FAILED) else 0,
        waiting=int(sums.get(DocumentState.QUEUED, 0)),
        next_due=nights.next_due(now, settings.night, settings.zone)[1],
        paused=Gate.objects.filter(task=None, closed_at__isnull=False).exists(),
    )
