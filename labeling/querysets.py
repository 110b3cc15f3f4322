"""Questions to the rows: one method for each word, so that a word means the same everywhere."""

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q, Sum

from labeling.states import BatchState, DocumentState, UploadState

if TYPE_CHECKING:
    from labeling.models import Batch, Document  # noqa: F401  named in quotes

MOST_UNFINISHED_TRIES = 5
"""Work on a batch that ended its worker this often stands still until a person looks."""


class DocumentQuerySet(models.QuerySet["Document"]):
    def leaders(self) -> "DocumentQuerySet":
        return self.filter(leader__isnull=True)

    def waiting(self) -> "DocumentQuerySet":
        return self.filter(state=DocumentState.QUEUED)

    def may_leave(self, now: datetime) -> "DocumentQuerySet":
        """Queued leaders whose upload is whole and whose back-off is over; the way decides the rest."""
        return self.leaders().filter(
            Q(not_before__isnull=True) | Q(not_before__lte=now),
            state=DocumentState.QUEUED,
            upload__state__in=(UploadState.READY, UploadState.DONE),
        )

    def need_a_person(self) -> "DocumentQuerySet":
        """Failed and not closed."""
        return self.filter(state=DocumentState.FAILED, closed_at__isnull=True)


class BatchQuerySet(models.QuerySet["Batch"]):
    def open(self) -> "BatchQuerySet":
        return self.filter(state__in=BatchState.open())

    def at_the_api(self) -> "BatchQuerySet":
        return self.filter(state__in=(BatchState.IN_PROGRESS, BatchState.CANCELING))

    def doubtful(self) -> "BatchQuerySet":
        return self.filter(state=BatchState.UNKNOWN)

    def set_aside(self) -> "BatchQuerySet":
        """Waiting for a worker, but work on them ended so many workers that a person must look."""
        return self.filter(
            state__in=(BatchState.BUILDING, BatchState.ENDED), unfinished_tries__gte=MOST_UNFINISHED_TRIES
        )

    def requests_in_queue(self) -> int:
        """Requests that count against the account's queue limit."""
        return int(self.open().exclude(state=BatchState.ENDED).aggregate(n=Sum("request_total"))["n"] or 0)
