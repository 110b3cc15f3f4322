"""What stands beside the editor: the request as it would be sent, about a document that is there."""

from dataclasses import dataclass, replace

from labeling.messages.previewing import Preview, preview
from labeling.messages.prompts import Spec
from labeling.models import Document, DocumentText, LabelingTask, LabelingTaskVersion, TokenCount
from labeling.money.estimating import Evidence
from labeling.reports.listed import ModelLook, look
from labeling.reports.prices import price_book, terms_of
from labeling.reports.trying import choose
from labeling.states import Basis

LONGEST_SAMPLE = 20_000
"""Characters of a document that the preview shows."""

PLACEHOLDER = "The text of the document stands here."


@dataclass(frozen=True, slots=True)
class Sample:
    """The document that the preview is about; without one a sentence takes its place."""

    document_id: int | None
    text: str
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Beside:
    preview: Preview
    sample: Sample
    model: ModelLook


def beside(spec: Spec, task: LabelingTask | None, sample_id: int | None, *, another: bool = False) -> Beside:
    """The preview of a spec that may be half typed."""
    sample = _sample(task, sample_id, another)
    tiers = terms_of([LabelingTaskVersion(pk=0, kind=spec.kind, model=spec.model, max_tokens=1)])[0].tiers
    return Beside(preview(spec, sample.text, _evidence(task), tiers), sample, look(spec.model))


def token_count(digest: str) -> TokenCount | None:
    return TokenCount.objects.filter(digest=digest).first()


def _evidence(task: LabelingTask | None) -> Evidence:
    """What the answers of the version in use say about words that are being written."""
    if task is None or task.version_in_use_id is None:
        return Evidence()
    known = price_book([task.version_in_use_id]).evidence[task.version_in_use_id]
    return Evidence(task=replace(known.version, basis=Basis.TASK, list_usd=None)) if known.version else known


def _sample(task: LabelingTask | None, sample_id: int | None, another: bool) -> Sample:
    if task is None:
        return Sample(None, PLACEHOLDER)
    chosen = sample_id if sample_id and not another else None
    if chosen and not Document.objects.filter(pk=chosen, version__task=task).exists():
        chosen = None
    if chosen is None:
        chosen = next(iter(choose(task.pk, 1)), None)
    text = DocumentText.objects.filter(pk=chosen).values_list("text", flat=True).first() if chosen else None
    if not text:
        return Sample(None, PLACEHOLDER)
    return Sample(chosen, text[:LONGEST_SAMPLE], len(text) > LONGEST_SAMPLE)
