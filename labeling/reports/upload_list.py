"""The list of uploads: found by name, task, state and who, each with its balance and what it has cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Q, Sum

from labeling import counts
from labeling.models import AnswerTally, Upload
from labeling.states import DocumentState, UploadState

from .paging import WORDING, Page, an_id, page_of
from .uploads import parts_of

SIZE = 30


@dataclass(frozen=True, slots=True)
class UploadFilters:
    """What the address asks for; blank means any."""

    q: str = ""
    task: str = ""
    state: str = ""
    by: str = ""

    @property
    def is_empty(self) -> bool:
        return self == UploadFilters()


@dataclass(frozen=True, slots=True)
class UploadLine:
    """One upload with its documents by state. `paid_usd` None: nothing came back yet."""

    upload: Upload
    states: dict[DocumentState, int]
    paid_usd: Decimal | None

    @property
    def parts(self) -> list[tuple[str, int, str]]:
        return parts_of(self.states)

    @property
    def is_moving(self) -> bool:
        return self.upload.state in (UploadState.RECEIVED, UploadState.IMPORTING, UploadState.READY)

    @property
    def balances(self) -> bool:
        return self.upload.accepted == sum(self.states.values()) or self.upload.state == UploadState.IMPORTING

    @property
    def in_flight(self) -> int:
        return self.states[DocumentState.BATCHED]

    @property
    def has_labels(self) -> bool:
        return bool(self.states[DocumentState.LABELED])


def upload_page(filters: UploadFilters, *, before: int | None, after: int | None) -> Page[Upload]:
    rows = Upload.objects.select_related("version__task", "created_by").defer("inspection", "options", *WORDING)
    if filters.q:
        named = an_id(filters.q[2:]) if filters.q[:2].upper() == "U-" else None
        rows = rows.filter(pk=named) if named is not None else rows.filter(_words(filters.q))
    if filters.task:
        rows = rows.filter(version__task__slug=filters.task)
    if filters.state in set(UploadState):
        rows = rows.filter(state=filters.state)
    if filters.by:
        rows = rows.filter(created_by__username=filters.by)
    return page_of(rows, before=before, after=after, size=SIZE)


def lines_of(uploads: Sequence[Upload]) -> list[UploadLine]:
    """Balance and money of a page of uploads, each in one query."""
    ids = [upload.pk for upload in uploads]
    states = counts.documents_by_upload(ids)
    paid = dict(
        AnswerTally.objects.filter(upload__in=ids).order_by().values_list("upload_id").annotate(usd=Sum("paid_usd"))
    )
    return [UploadLine(upload, states[upload.pk], paid.get(upload.pk)) for upload in uploads]


def _words(q: str) -> Q:
    """Every word is in the name of the file."""
    found = Q()
    for word in q.split()[:10]:
        found &= Q(file_name__icontains=word)
    return found
