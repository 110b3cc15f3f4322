"""What a person decides about documents that go again by themselves, or whose failure was closed."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from labeling.models import Document
from labeling.querysets import DocumentQuerySet
from labeling.states import DocumentState, FailureReason

from .copies import follow_leaders


def stop(documents: DocumentQuerySet) -> int:
    """queued to failed for what would go again by itself: from now on it waits for a person, and nothing is lost.

    What a batch or a call has claimed meanwhile, or is claiming, goes.
    """
    now = timezone.now()
    with transaction.atomic():
        waiting = Document.objects.go_again(now).leaders().filter(pk__in=documents.values("pk"))
        free = list(waiting.select_for_update(skip_locked=True).order_by("pk").values_list("pk", flat=True))
        stopped = Document.objects.go_again(now).filter(pk__in=free)
        moved = stopped.update(
            state=DocumentState.FAILED, failure_reason=FailureReason.STOPPED, not_before=None, closed_at=None
        )
        follow_leaders(free)
    return moved


def close(documents: DocumentQuerySet, reason: str, *, at: datetime | None = None) -> int:
    """A person decided not to send them again; they stay failed and leave the list of decisions.

    `at` is when: what is closed in several statements was closed in one act. The state is asked of the row itself and
    not of a join, so whoever waited for somebody that sends them again finds nothing to close.
    """
    chosen = Document.objects.need_a_person().filter(pk__in=documents.values("pk"))
    failed = Document.objects.filter(state=DocumentState.FAILED, closed_at__isnull=True, pk__in=chosen.values("pk"))
    return failed.update(closed_at=at or timezone.now(), closed_reason=reason)


def reopen(documents: DocumentQuerySet, *, until: datetime) -> int:
    """Failures are open again, but what was closed anew after `until`."""
    closed = Document.objects.filter(state=DocumentState.FAILED, closed_at__lte=until, pk__in=documents.values("pk"))
    return closed.update(closed_at=None, closed_reason="")
