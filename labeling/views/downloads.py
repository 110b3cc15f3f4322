"""Files that leave through the browser: labels, and a file with its labels. They stream."""

from collections.abc import Iterable

from django.http import Http404, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.utils.http import content_disposition_header

from labeling import exports
from labeling.exports import CONTENT_TYPES, Format
from labeling.models import Batch, LabelingTask, Restoration, Upload

from .door import WebRequest, page


@page()
def upload_labels(request: WebRequest, pk: int, form: str) -> HttpResponseBase:
    """All about every document of an upload."""
    upload = get_object_or_404(Upload, pk=pk)
    return download(exports.stream(format_of(form), upload=upload), format_of(form), f"U-{pk}-labels.{form}")


@page()
def upload_original(request: WebRequest, pk: int) -> HttpResponseBase:
    """The file as it came, its own columns in their own order, with the labels."""
    upload = get_object_or_404(Upload, pk=pk)
    return download(exports.original(upload), exports.original_format(upload), exports.original_name(upload))


@page()
def task_labels(request: WebRequest, slug: str, form: str) -> HttpResponseBase:
    """All about every document of a labeling task."""
    task = get_object_or_404(LabelingTask, slug=slug)
    return download(exports.stream(format_of(form), task=task), format_of(form), f"{slug}-labels.{form}")


@page()
def batch_requests(request: WebRequest, pk: int) -> HttpResponseBase:
    """What was sent, or will be, as lines: rebuilt from the frozen version and the texts."""
    batch = get_object_or_404(Batch.objects.select_related("version"), pk=pk)
    return download(exports.batch_requests(batch), Format.JSONL, f"{batch}-requests.jsonl")


@page()
def batch_results(request: WebRequest, pk: int) -> HttpResponseBase:
    """The raw result lines of a batch."""
    batch = get_object_or_404(Batch, pk=pk)
    return download(exports.batch_results(batch), Format.JSONL, f"{batch}-results.jsonl")


@page()
def unknown_answers(request: WebRequest, pk: int) -> HttpResponseBase:
    """Answers since a backup to documents that it does not know."""
    restoration = get_object_or_404(Restoration, pk=pk)
    return download(exports.unknown_answers(restoration), Format.JSONL, f"R-{pk}-unknown-answers.jsonl")


def format_of(word: str) -> Format:
    if word not in set(Format):
        raise Http404(f"There is no format {word}.")
    return Format(word)


def download(pieces: Iterable[bytes], form: Format, name: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(pieces, content_type=CONTENT_TYPES[form])
    response["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    return response
