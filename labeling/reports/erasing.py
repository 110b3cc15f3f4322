"""What an erasure would take, and what the retention of a task takes when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q, Sum

from labeling import retention
from labeling.models import Document, DocumentTally, LabelingTask, Selection, Upload
from labeling.states import DocumentState

MOST_COUNTED = 20_000


@dataclass(frozen=True, slots=True)
class OfUpload:
    """Documents of an upload by what becomes of them."""

    upload: Upload
    waiting: int
    in_flight: int
    labeled: int
    others: int
    file_stays: bool


def of_upload(upload: Upload) -> OfUpload:
    states = dict(
        DocumentTally.objects.filter(upload=upload).order_by().values_list("state").annotate(n=Sum("documents"))
    )
    waiting, in_flight = states.pop(DocumentState.QUEUED, 0), states.pop(DocumentState.BATCHED, 0)
    labeled = states.pop(DocumentState.LABELED, 0)
    elsewhere = Upload.objects.filter(sha256=upload.sha256).exclude(pk=upload.pk).exists()
    return OfUpload(upload, waiting, in_flight, labeled, sum(states.values()), elsewhere)


@dataclass(frozen=True, slots=True)
class OfDocuments:
    """Documents that are chosen by their ids, and how many others have one of their texts."""

    documents: Sequence[Document]
    in_flight: int
    copies: int


def of_documents(ids: Sequence[int]) -> OfDocuments:
    documents = list(Document.objects.filter(pk__in=ids, erasure=None).select_related("upload").order_by("pk"))
    leaders = {document.leader_id or document.pk for document in documents}
    family = Document.objects.filter(Q(pk__in=leaders) | Q(leader__in=leaders), erasure=None)
    copies = family.exclude(pk__in=[document.pk for document in documents]).count()
    return OfDocuments(documents, sum(d.state == DocumentState.BATCHED for d in documents), copies)


def copies_of(selection: Selection) -> int | None:
    """How many others have a text of a selection; None where that would take long to count."""
    if selection.documents > MOST_COUNTED:
        return None
    chosen = Document.objects.filter(selecteddocument__selection=selection)
    leaders = {leader or pk for pk, leader in chosen.values_list("pk", "leader_id")}
    family = Document.objects.filter(Q(pk__in=leaders) | Q(leader__in=leaders), erasure=None)
    return family.exclude(selecteddocument__selection=selection).count()


@dataclass(frozen=True, slots=True)
class Keeping:
    """`due_uploads` go with the next look; `next_at`: when the first of the others goes, if nothing changes."""

    days: int | None
    due_uploads: int
    due_documents: int
    next_at: datetime | None
    next_documents: int


def keeping(task: LabelingTask, now: datetime) -> Keeping:
    if task.retention_days is None:
        return Keeping(None, 0, 0, None, 0)
    due = retention.due(task, now)
    sums = due.order_by().aggregate(documents=Sum("accepted"))
    first = retention.candidates(task).exclude(pk__in=due.values("pk")).first()
    return Keeping(
        days=task.retention_days,
        due_uploads=due.count(),
        due_documents=sums["documents"] or 0,
        next_at=first.created_at + timedelta(days=task.retention_days) if first else None,
        next_documents=first.accepted if first else 0,
    )
