"""Open failures as CSV: with the ids that support asks for, and what came back; constant memory."""

from collections.abc import Iterator

from labeling.models import Document, DocumentText, Request, Result
from labeling.querysets import DocumentQuerySet

CHUNK = 2_000
HEADER = (
    "document", "external_id", "task", "task_version", "reason", "custom_id", "batch", "message_batch_id", "lane",
    "outcome", "error_type", "stop_reason", "message", "request_id", "attempts", "sent_at", "text",
)  # fmt: skip


def failure_rows(documents: DocumentQuerySet) -> Iterator[list[str]]:
    """The header, then a row for each document in the order of import."""
    yield list(HEADER)
    after = 0
    while chunk := list(documents.filter(pk__gt=after).select_related("version__task").order_by("pk")[:CHUNK]):
        yield from _rows(chunk)
        after = chunk[-1].pk


def _rows(documents: list[Document]) -> Iterator[list[str]]:
    sent_ids = {document.leader_id or document.pk for document in documents}
    found = Request.objects.filter(document__in=sent_ids).select_related("batch").order_by("pk")
    requests = {request.document_id: request for request in found}
    results = Result.objects.in_bulk([request.pk for request in requests.values()])
    texts = DocumentText.objects.in_bulk([document.pk for document in documents])
    for document in documents:
        request = requests.get(document.leader_id or document.pk)
        yield _row(document, request, results.get(request.pk) if request else None, texts.get(document.pk))


def _row(document: Document, request: Request | None, result: Result | None, text: DocumentText | None) -> list[str]:
    batch = request.batch if request else None
    return [
        str(document),
        text.external_id if text else "",
        document.version.task.slug,
        str(document.version.number),
        document.failure_reason,
        request.custom_id if request else "",
        str(batch) if batch else "",
        (batch.message_batch_id or "") if batch else "",
        request.lane if request else "",
        request.outcome if request else "",
        result.error_type if result else "",
        result.stop_reason if result else "",
        result.answer if result else "",
        result.api_request_id if result else "",
        str(document.attempts),
        request.created_at.isoformat() if request else "",
        text.text if text else "",
    ]
