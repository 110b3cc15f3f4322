"""Some documents were tried: the answers beside the texts as they come in, and what the rest would cost."""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from labeling import counts
from labeling.models import Document, Trial, TrialDocument, Upload
from labeling.money.estimating import NOTHING_TO_PAY, Estimate, Load
from labeling.states import DocumentState, FailureReason, Kind

from .estimates import before_import
from .excerpts import ERASED, Excerpt, excerpts
from .prices import price_book, waiting_loads

EXCERPT = 300


@dataclass(frozen=True, slots=True)
class TriedLine:
    """One document with what came back. `is_equal` None: no gold label, no answer, or no label to compare."""

    document: Document
    excerpt: Excerpt
    gold: str
    answer: str
    reason: str
    is_equal: bool | None


@dataclass(frozen=True, slots=True)
class TrialSeen:
    trial: Trial
    lines: Sequence[TriedLine]
    rest: int
    """Documents that are held until somebody decides."""

    rest_estimate: Estimate

    @property
    def answered(self) -> int:
        settled = (DocumentState.LABELED, DocumentState.FAILED)
        return sum(line.document.state in settled for line in self.lines)

    @property
    def failed(self) -> int:
        return sum(line.document.state == DocumentState.FAILED for line in self.lines)

    @property
    def compared(self) -> int:
        return sum(line.is_equal is not None for line in self.lines)

    @property
    def equal(self) -> int:
        return sum(line.is_equal is True for line in self.lines)

    @property
    def has_gold(self) -> bool:
        return any(line.gold for line in self.lines)

    @property
    def can_be_decided(self) -> bool:
        return not self.trial.decision and self.trial.chosen_at is not None


def trial_of(upload: Upload) -> TrialSeen | None:
    """The newest trial of an upload: at most a hundred documents, in a fixed number of queries."""
    trial = Trial.objects.filter(upload=upload).order_by("-pk").first()
    if trial is None:
        return None
    ids = TrialDocument.objects.filter(trial=trial).values_list("document_id", flat=True)
    documents = list(Document.objects.filter(pk__in=list(ids)).select_related("result").order_by("pk"))
    texts = excerpts([document.pk for document in documents], EXCERPT)
    is_classify = upload.version.kind == Kind.CLASSIFY
    lines = [_line(document, texts.get(document.pk, ERASED), is_classify) for document in documents]
    tried_waiting = sum(line.document.state == DocumentState.QUEUED for line in lines)
    waiting = counts.documents_by_state(upload_id=upload.pk)[DocumentState.QUEUED]
    return TrialSeen(trial, lines, max(0, waiting - tried_waiting), _rest(upload, trial, tried_waiting))


def price_of_trying(upload: Upload, wanted: int) -> Estimate:
    """About what so many documents of a checked file cost: by all of it where it was counted, else its first rows."""
    if before := before_import(upload):
        load = Load(before.found.documents, before.found.text_bytes).part(wanted)
        return price_book([upload.version_id]).estimate(upload.version_id, load)
    read = upload.inspection
    columns, column = list(read.get("columns") or ()), read.get("text_column")
    place = columns.index(column) if column in columns else 0
    texts = [row[place] for row in read.get("preview") or () if len(row) > place and row[place]]
    size = sum(len(orjson.dumps(text)) for text in texts) // len(texts) if texts else 0
    return price_book([upload.version_id]).estimate(upload.version_id, Load(wanted, size * wanted))


def _line(document: Document, excerpt: Excerpt, is_classify: bool) -> TriedLine:
    gold = excerpt.gold_label
    shown = document.result if document.state == DocumentState.LABELED else None
    answer = shown.answer if shown else ""
    reason = FailureReason(document.failure_reason).sentence if document.failure_reason else ""
    compared = bool(is_classify and gold and answer)
    is_equal = gold.casefold() == answer.casefold() if compared else None
    return TriedLine(document, excerpt, gold, answer, reason, is_equal)


def _rest(upload: Upload, trial: Trial, tried_waiting: int) -> Estimate:
    if trial.decision:
        return NOTHING_TO_PAY
    load = sum(waiting_loads(upload_id=upload.pk).values(), Load(0, 0))
    rest = load.part(max(0, load.documents - tried_waiting))
    return price_book([upload.version_id]).estimate(upload.version_id, rest)
