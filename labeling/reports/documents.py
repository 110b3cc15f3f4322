"""One document with every attempt that was made for it."""

from collections.abc import Sequence
from dataclasses import dataclass

from labeling.models import Document, DocumentText, Request, Result, ResultLine


@dataclass(frozen=True, slots=True)
class Attempt:
    request: Request
    result: Result | None


@dataclass(frozen=True, slots=True)
class History:
    document: Document
    text: DocumentText | None
    attempts: Sequence[Attempt]
    raw_line: str
    copies: int
    shared_attempts: bool


def history(document: Document) -> History:
    """One document with every attempt; a copy shows those of its leader."""
    sent_id = document.leader_id or document.pk
    requests = list(
        Request.objects.filter(document=sent_id).select_related("version__task", "batch").order_by("-pk")[:100]
    )
    results = Result.objects.in_bulk([request.pk for request in requests])
    line = ResultLine.objects.filter(pk=requests[0].pk).first() if requests else None
    if document.result_id:
        line = ResultLine.objects.filter(pk=document.result_id).first() or line
    return History(
        document=document,
        text=DocumentText.objects.filter(pk=document.pk).first(),
        attempts=[Attempt(request, results.get(request.pk)) for request in requests],
        raw_line=line.line if line else "",
        copies=Document.objects.filter(leader=document.pk).count(),
        shared_attempts=document.leader_id is not None,
    )
