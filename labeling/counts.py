"""How many: sums over the tallies, which are right at every moment and cost the same for ten rows or a million."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, QuerySet, Sum

from labeling.models import Batch, Canary, DocumentTally, ListedModel, RequestTally
from labeling.states import CanaryState, DocumentState, Outcome

MANY = 100
"""More waiting documents than this of an unproved version want a canary."""

CANARY_LASTS = timedelta(hours=24)


def documents_by_state(upload_id: int | None = None, task_id: int | None = None) -> dict[DocumentState, int]:
    """Documents in each state, zero included: of everything, of one upload, of one labeling task."""
    tallies = DocumentTally.objects.all()
    if upload_id is not None:
        tallies = tallies.filter(upload=upload_id)
    if task_id is not None:
        tallies = tallies.filter(version__task=task_id)
    sums = dict(tallies.values_list("state").annotate(n=Sum("documents")))
    return {state: int(sums.get(state, 0)) for state in DocumentState}


def documents_by_upload(upload_ids: Iterable[int]) -> dict[int, dict[DocumentState, int]]:
    """The same for a page of uploads in one query."""
    by_upload = {upload_id: dict.fromkeys(DocumentState, 0) for upload_id in upload_ids}
    sums = (
        DocumentTally.objects.filter(upload__in=by_upload)
        .values_list("upload_id", "state")
        .annotate(n=Sum("documents"))
    )
    for upload_id, state, n in sums:
        by_upload[upload_id][DocumentState(state)] = int(n)
    return by_upload


def requests_by_outcome(batch_id: int | None = None) -> dict[Outcome, int]:
    """Requests by how they ended, open ones included: of everything or of one batch."""
    tallies = RequestTally.objects.all()
    if batch_id is not None:
        tallies = tallies.filter(batch=batch_id)
    sums = dict(tallies.values_list("outcome").annotate(n=Sum("requests")))
    return {outcome: int(sums.get(outcome, 0)) for outcome in Outcome}


def versions_with_many() -> set[int]:
    """Ids of versions of which many documents wait."""
    waiting = (
        DocumentTally.objects.filter(state=DocumentState.QUEUED)
        .values("version_id")
        .annotate(n=Sum("documents"))
        .filter(n__gt=MANY)
    )
    return {row["version_id"] for row in waiting}


def proved_canaries(now: datetime) -> QuerySet[Canary]:
    """Canaries that still prove their version: young enough, and from after the last change in its model's life."""
    proved = Canary.objects.filter(state=CanaryState.PROVED, decided_at__gt=now - CANARY_LASTS)
    return proved.exclude(model_changed_since("decided_at"))


def model_changed_since(field: str) -> Exists:
    """Whether the life cycle of a row's model has changed since the time in this field."""
    return Exists(ListedModel.objects.filter(id=OuterRef("version__model"), lifecycle_changed_at__gte=OuterRef(field)))


def wants_a_canary(batch: Batch, now: datetime) -> bool:
    """Whether many requests would leave whose version nothing proves any more."""
    return batch.request_total > MANY and not proved_canaries(now).filter(version=batch.version_id).exists()


def unproved_versions(now: datetime, many: set[int] | None = None) -> set[int]:
    """Ids of versions of which nothing may be built before their canary has come back: many documents wait, or the
    last canary failed, however few wait then.

    `many`: those of which many documents wait, where they were counted already.
    """
    proves = Exists(proved_canaries(now).filter(pk=OuterRef("pk")))
    last = Canary.objects.order_by("version_id", "-pk").distinct("version_id").annotate(proves=proves)
    found = list(last.values_list("version_id", "state", "proves"))
    wanted = {version_id for version_id, state, _ in found if state in (CanaryState.SENT, CanaryState.FAILED)}
    proved = {version_id for version_id, _, proves in found if proves}
    return ((versions_with_many() if many is None else many) | wanted) - proved
