"""What came back: results, their raw lines, and lines that answer none of our requests."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.db.models.functions import Left
from django.http import HttpRequest
from django.utils.safestring import SafeString

from labeling.models import Batch, Request, Result, ResultLine, StrayLine

from .base import BEGINNING, LookAdmin, link
from .batches import find_requests


class LongTextAdmin(LookAdmin):
    """A row with one column that may have megabytes: only its beginning leaves the database."""

    long_column: str

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        match = request.resolver_match
        in_a_list = match and match.url_name and match.url_name.endswith("_changelist")
        return rows.defer(self.long_column).annotate(beginning=Left(self.long_column, 80 if in_a_list else BEGINNING))

    @admin.display(description="beginning")
    def beginning(self, row: Any) -> str:
        return row.beginning


class OfRequestAdmin(LongTextAdmin):
    """A row that has the key of its request."""

    search_fields = ("pk",)
    search_help_text = "A custom_id, D-12 or B-12"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return (queryset.filter(find_requests(search_term, "request__")) if search_term.strip() else queryset), False

    @admin.display(description="request")
    def of_request(self, row: Any) -> SafeString:
        return link(Request, row.request_id, f"request {row.request_id}")


@admin.register(Result)
class ResultAdmin(OfRequestAdmin):
    long_column = "answer"
    beside = ("beginning", "line")
    left_out = ("answer",)
    list_display = (
        "pk", "of_request", "result_type", "stop_reason", "error_type", "usable", "failure_reason", "beginning",
        "input_tokens", "output_tokens", "list_usd", "paid_usd", "created_at",
    )  # fmt: skip

    @admin.display(description="raw line")
    def line(self, row: Result) -> SafeString:
        return link(ResultLine, row.pk, "as it came")


@admin.register(ResultLine)
class ResultLineAdmin(OfRequestAdmin):
    long_column = "line"
    beside = ("beginning",)
    left_out = ("line",)
    list_display = ("pk", "of_request", "beginning")


@admin.register(StrayLine)
class StrayLineAdmin(LongTextAdmin):
    long_column = "line"
    beside = ("beginning",)
    left_out = ("line",)
    list_display = ("id", "of_batch", "why", "custom_id", "message_batch_id", "beginning", "seen_at")

    @admin.display(description="batch")
    def of_batch(self, row: StrayLine) -> SafeString:
        return link(Batch, row.batch_id, f"B-{row.batch_id}") if row.batch_id else SafeString("")
