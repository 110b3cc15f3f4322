"""Another way to leave, for documents that still wait."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from labeling.models import Document
from labeling.querysets import DocumentQuerySet
from labeling.states import Way


def change_way(documents: DocumentQuerySet, way: Way) -> int:
    """Another way to leave for documents that still wait. A copy pulls its queued leader along.

    Guarded by the state: a document that a batch or a call has claimed, or is claiming, keeps its way.
    """
    now = timezone.now()
    wanted = Document.objects.filter(pk__in=documents.values("pk"))
    leaders = Document.objects.filter(pk__in=wanted.waiting().exclude(leader=None).values("leader"))
    with transaction.atomic():
        _set_way(leaders, way, now)
        return _set_way(wanted, way, now)


def _set_way(documents: DocumentQuerySet, way: Way, now: datetime) -> int:
    """Rows that somebody holds at this moment are passed over: whoever waits for one while it has others
    could be waited for, and a call whose booking ends like that is lost although it was paid."""
    free = documents.waiting().exclude(way=way).select_for_update(skip_locked=True)
    return Document.objects.waiting().filter(pk__in=free.values("pk")).update(way=way, queued_at=now, not_before=None)
