"""One document with every attempt that was made for it."""

from collections.abc import Sequence
from dataclasses import dataclass

from labeling.models import Document, DocumentText, Request, Result, ResultLine
from labeling.states import DocumentState


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

    @property
    def equals_gold(self) -> bool | None:
        """Whether its label is the right one; None where that cannot be said."""
        return equals_gold(self.document, self.document.result, self.text.gold_label if self.text else "")


def equals_gold(document: Document, result: Result | None, gold: str) -> bool | None:
    """Apart from capitals; of a document without a label, or without a right one, nothing is said."""
    if document.state != DocumentState.LABELED or result is None or not gold:
        return None
    return result.answer.casefold() == gold.casefold()


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
