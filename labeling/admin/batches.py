"""What was sent: nights, batches with their moves, requests, and the accounts that pay."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from labeling.configuration import installation
from labeling.messages import custom_ids
from labeling.models import (
    Account,
    Batch,
    BatchEvent,
    BatchShare,
    Candidate,
    Document,
    Night,
    Request,
    StrayLine,
    Upload,
)
from labeling.states import Outcome

from . import settling
from .base import LookAdmin, LookInline, link, list_link, numbers


@admin.register(Night)
class NightAdmin(LookAdmin):
    beside = ("batches",)
    list_display = ("date", "due_at", "left_at")
    ordering = ("-date",)

    @admin.display(description="batches")
    def batches(self, night: Night) -> SafeString:
        return list_link(Batch, "its batches", night__id__exact=night.pk)


@admin.register(Account)
class AccountAdmin(LookAdmin):
    list_display = ("id", "base_url", "workspace_id", "key_fingerprint", "first_seen_at")


class EventInline(LookInline):
    model = BatchEvent
    fields = ("at", "old", "new", "by", "why")
    show_change_link = False


class CandidateInline(LookInline):
    model = Candidate
    fields = ("message_batch_id", "created_at", "verdict", "why", "seen_at", "decided_at")


@admin.register(Batch)
class BatchAdmin(LookAdmin):
    beside = ("requests", "stray_lines")
    list_display = (
        "id", "version", "way", "state", "request_total", "message_batch_id", "built_at", "doubt_since", "ended_at",
        "note",
    )  # fmt: skip
    list_select_related = ("version__task",)
    list_filter = ("state", "way")
    search_fields = ("pk",)
    search_help_text = "B-12, the id of a Message Batch, or the token in a custom_id"
    inlines = (EventInline, CandidateInline)
    actions = ("adopt", "declare_absent", "try_again")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Batch], search_term: str
    ) -> tuple[QuerySet[Batch], bool]:
        term = search_term.strip()
        found = Q(pk__in=numbers(term, "B-")) | Q(message_batch_id=term) | Q(token=term)
        return (queryset.filter(found) if term else queryset), False

    @admin.display(description="requests")
    def requests(self, batch: Batch) -> SafeString:
        return list_link(Request, f"its {batch.request_total} requests", batch__id__exact=batch.pk)

    @admin.display(description="stray lines")
    def stray_lines(self, batch: Batch) -> SafeString:
        return list_link(StrayLine, "result lines that were kept aside", batch__id__exact=batch.pk)

    @admin.action(description="Unknown: adopt a Message Batch by its id…", permissions=["operate"])
    def adopt(self, request: HttpRequest, queryset: QuerySet[Batch]) -> HttpResponse | None:
        return settling.adopt(self, request, queryset)

    @admin.action(description="Unknown: declare it absent…", permissions=["operate"])
    def declare_absent(self, request: HttpRequest, queryset: QuerySet[Batch]) -> HttpResponse | None:
        return settling.declare_absent(self, request, queryset)

    @admin.action(description="Set aside: try again", permissions=["operate"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[Batch]) -> None:
        settling.try_again(self, request, queryset)


@admin.register(BatchEvent)
class BatchEventAdmin(LookAdmin):
    list_display = ("id", "of_batch", "old", "new", "at", "by", "why")
    search_fields = ("pk",)
    search_help_text = "B-12"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[BatchEvent], search_term: str
    ) -> tuple[QuerySet[BatchEvent], bool]:
        term = search_term.strip()
        return (queryset.filter(batch__in=numbers(term, "B-")) if term else queryset), False

    @admin.display(description="batch")
    def of_batch(self, event: BatchEvent) -> SafeString:
        return link(Batch, event.batch_id, f"B-{event.batch_id}")


@admin.register(BatchShare)
class BatchShareAdmin(LookAdmin):
    list_display = ("id", "of_batch", "of_upload", "requests")

    @admin.display(description="batch")
    def of_batch(self, share: BatchShare) -> SafeString:
        return link(Batch, share.batch_id, f"B-{share.batch_id}")

    @admin.display(description="upload")
    def of_upload(self, share: BatchShare) -> SafeString:
        return link(Upload, share.upload_id, f"U-{share.upload_id}")


@admin.register(Candidate)
class CandidateAdmin(LookAdmin):
    """The doubtful submissions: which Message Batches came into question for them, and what was found."""

    list_display = ("message_batch_id", "of_batch", "created_at", "verdict", "why", "seen_at", "decided_at")
    list_filter = ("verdict",)

    @admin.display(description="batch")
    def of_batch(self, candidate: Candidate) -> SafeString:
        return link(Batch, candidate.batch_id, f"B-{candidate.batch_id}")


class StillOpen(admin.SimpleListFilter):
    """Only what a partial index answers: nearly all requests have ended."""

    title = "open ones"
    parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("any", "without an answer yet")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Request]) -> QuerySet[Request]:
        return queryset.filter(outcome=Outcome.OPEN) if self.value() else queryset


@admin.register(Request)
class RequestAdmin(LookAdmin):
    list_display = ("id", "custom_id", "of_document", "of_batch", "lane", "outcome", "created_at", "ended_at")
    list_filter = (StillOpen,)
    search_fields = ("pk",)
    search_help_text = "A custom_id, D-12 or B-12"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Request], search_term: str
    ) -> tuple[QuerySet[Request], bool]:
        return (queryset.filter(find_requests(search_term)) if search_term.strip() else queryset), False

    @admin.display(description="document")
    def of_document(self, row: Request) -> SafeString:
        return link(Document, row.document_id, f"D-{row.document_id}")

    @admin.display(description="batch")
    def of_batch(self, row: Request) -> SafeString | str:
        return link(Batch, row.batch_id, f"B-{row.batch_id}") if row.batch_id else ""


def find_requests(term: str, prefix: str = "") -> Q:
    """The requests that a search means, by index alone: a custom_id, D-12, B-12, or a key; `prefix` is `request__`."""
    term = term.strip()
    if own := custom_ids.parse(term, installation()):
        return Q(**{f"{prefix}document": own.document_id, f"{prefix}custom_id": term})
    match term[:2].upper():
        case "D-":
            return Q(**{f"{prefix}document__in": numbers(term, "D-")})
        case "B-":
            return Q(**{f"{prefix}batch__in": numbers(term, "B-")})
    return Q(pk__in=numbers(term))
