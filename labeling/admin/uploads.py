"""What came in: files, and the rows of them that were refused."""

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from labeling.models import Document, RefusedRow, Upload

from . import settling
from .base import LookAdmin, link, list_link, numbers


@admin.register(Upload)
class UploadAdmin(LookAdmin):
    beside = ("documents", "refused_rows")
    list_display = ("id", "file_name", "version", "state", "way", "rows", "accepted", "refused", "copies", "created_at")
    list_select_related = ("version__task",)
    list_filter = ("state",)
    search_fields = ("pk",)
    search_help_text = "U-12, or the SHA-256 of a file"
    actions = ("try_again",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Upload], search_term: str
    ) -> tuple[QuerySet[Upload], bool]:
        term = search_term.strip()
        return (queryset.filter(Q(pk__in=numbers(term, "U-")) | Q(sha256=term.lower())) if term else queryset), False

    @admin.display(description="documents")
    def documents(self, upload: Upload) -> SafeString:
        return list_link(Document, f"its {upload.accepted} documents", upload__id__exact=upload.pk)

    @admin.display(description="refused rows")
    def refused_rows(self, upload: Upload) -> SafeString:
        return list_link(RefusedRow, f"its {upload.refused} refused rows", upload__id__exact=upload.pk)

    @admin.action(description="Standing still: try again", permissions=["operate"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[Upload]) -> None:
        settling.try_again(self, request, queryset)


@admin.register(RefusedRow)
class RefusedRowAdmin(LookAdmin):
    list_display = ("id", "of_upload", "row_number", "line_number", "reason", "sentence")
    search_fields = ("pk",)
    search_help_text = "U-12"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[RefusedRow], search_term: str
    ) -> tuple[QuerySet[RefusedRow], bool]:
        term = search_term.strip()
        return (queryset.filter(upload__in=numbers(term, "U-")) if term else queryset), False

    @admin.display(description="upload")
    def of_upload(self, row: RefusedRow) -> SafeString:
        return link(Upload, row.upload_id, f"U-{row.upload_id}")
