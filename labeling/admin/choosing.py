"""Which of the checked documents an action may move, and why not the others."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from labeling.models import Document
from labeling.querysets import DocumentQuerySet
from labeling.states import DocumentState, Way

WhyNot = Callable[[Document], str]
"""A few words that finish "1 ..." about a document that must stay as it is; empty if it may move."""


@dataclass(frozen=True, slots=True)
class Choice:
    ids: list[int]
    """Those that may move."""

    others: Counter[str]
    uploads: set[int]

    @property
    def documents(self) -> DocumentQuerySet:
        return Document.objects.filter(pk__in=self.ids)

    @property
    def subject(self) -> str:
        """Of what the activity tells: the upload, if they are all of one."""
        return f"U-{next(iter(self.uploads))}" if len(self.uploads) == 1 else ""

    def sentence(self, moved: int, what: str) -> str:
        """How many moved, how many did not, and why."""
        others = Counter(self.others)
        if len(self.ids) > moved:
            others["changed meanwhile"] += len(self.ids) - moved
        kept = ", ".join(f"{n} {why}" for why, n in others.items())
        return f"{what}: {moved}." + (f" Not changed: {others.total()} ({kept})." if kept else "")


def choose(documents: Iterable[Document], why_not: WhyNot) -> Choice:
    ids, others, uploads = list[int](), Counter[str](), set[int]()
    for document in documents:
        if reason := why_not(document):
            others[reason] += 1
        else:
            ids.append(document.pk)
            uploads.add(document.upload_id)
    return Choice(ids, others, uploads)


def why_not_leave(way: Way) -> WhyNot:
    def why_not(document: Document) -> str:
        if document.state != DocumentState.QUEUED:
            return _stands(document)
        if document.leader and document.leader.state != DocumentState.QUEUED:
            return f"copy of {document.leader}, which is {document.leader.state}"
        return "leaving that way already" if document.way == way else ""

    return why_not


def why_not_again(document: Document) -> str:
    if document.state != DocumentState.FAILED:
        return _stands(document)
    if document.leader and document.leader.state != DocumentState.FAILED:
        return f"copy of {document.leader}, which is {document.leader.state}"
    return ""


def why_not_close(document: Document) -> str:
    if document.state != DocumentState.FAILED:
        return _stands(document)
    return "closed already" if document.closed_at else ""


def _stands(document: Document) -> str:
    return "in a batch or an urgent call" if document.state == DocumentState.BATCHED else document.state
