"""Documents and their texts; sending them another way, again, or not any more."""

from collections import Counter
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Left
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from labeling import activity
from labeling.configuration import installation
from labeling.messages import custom_ids
from labeling.models import Document, DocumentText, Request, Upload
from labeling.states import DocumentState, FailureReason, Way
from labeling.transitions import again, failures, ways

from .base import BEGINNING, LookAdmin, LookInline, confirmed, link, list_link, numbers
from .choosing import choose, why_not_again, why_not_close, why_not_leave

MOST_FOUND = 500
"""Documents that may bear one external id before a search leaves some out."""


LEAVING = {Way.TONIGHT: "Leaving tonight", Way.NOW: "Leaving in a batch now", Way.URGENT: "Leaving urgently"}


class Stands(admin.SimpleListFilter):
    """Only what a partial index answers: the other states are most of the table."""

    title = "where it stands"
    parameter_name = "stands"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("queued", "waits"), ("person", "failed, needs a person"), ("closed", "failed, closed")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Document]) -> QuerySet[Document]:
        match self.value():
            case "queued":
                return queryset.filter(state=DocumentState.QUEUED)
            case "person":
                return queryset.filter(state=DocumentState.FAILED, closed_at__isnull=True)
            case "closed":
                return queryset.filter(state=DocumentState.FAILED, closed_at__isnull=False)
        return queryset


class WhyFailed(admin.SimpleListFilter):
    title = "why it failed"
    parameter_name = "why"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return FailureReason.choices()

    def queryset(self, request: HttpRequest, queryset: QuerySet[Document]) -> QuerySet[Document]:
        why = self.value()
        return queryset.filter(state=DocumentState.FAILED, failure_reason=why) if why else queryset


class SendAgainForm(forms.Form):
    way = forms.ChoiceField(choices=[(way.value, way.sentence) for way in Way], initial=Way.TONIGHT.value)


class CloseForm(forms.Form):
    reason = forms.CharField(max_length=200, label="Reason")


class AttemptInline(LookInline):
    model = Request
    fields = ("custom_id", "lane", "batch_id", "outcome", "created_at", "ended_at")
    verbose_name_plural = "attempts"


@admin.register(Document)
class DocumentAdmin(LookAdmin):
    beside = ("text", "copies", "sha256_hex")
    left_out = ("sha256",)
    list_display = (
        "id", "external_id", "of_upload", "version", "state", "way", "attempts", "failure_reason", "closed_at"
    )  # fmt: skip
    list_select_related = ("version__task",)
    list_filter = (Stands, WhyFailed)
    search_fields = ("pk",)
    search_help_text = "D-12, an external id, or a custom_id"
    inlines = (AttemptInline,)
    actions = ("send_tonight", "send_now", "send_urgently", "send_again", "close")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Document]:
        return super().get_queryset(request).annotate(external_id=F("content__external_id"))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Document], search_term: str
    ) -> tuple[QuerySet[Document], bool]:
        return (queryset.filter(pk__in=find_documents(search_term)) if search_term.strip() else queryset), False

    @admin.display(description="external id")
    def external_id(self, document: Any) -> str:
        return document.external_id or ""

    @admin.display(description="upload")
    def of_upload(self, document: Document) -> SafeString:
        return link(Upload, document.upload_id, f"U-{document.upload_id}")

    @admin.display(description="text")
    def text(self, document: Document) -> SafeString:
        return link(DocumentText, document.pk, "its text")

    @admin.display(description="copies")
    def copies(self, document: Document) -> SafeString:
        return list_link(Document, "those that follow it", leader__id__exact=document.pk)

    @admin.display(description="SHA-256 of the text")
    def sha256_hex(self, document: Document) -> str:
        return bytes(document.sha256).hex()

    @admin.action(description="Send tonight, at half the price", permissions=["operate"])
    def send_tonight(self, request: HttpRequest, queryset: QuerySet[Document]) -> None:
        self._change_way(request, queryset, Way.TONIGHT)

    @admin.action(description="Send in a batch now, at half the price", permissions=["operate"])
    def send_now(self, request: HttpRequest, queryset: QuerySet[Document]) -> None:
        self._change_way(request, queryset, Way.NOW)

    @admin.action(description="Send urgently, at full price", permissions=["operate"])
    def send_urgently(self, request: HttpRequest, queryset: QuerySet[Document]) -> None:
        self._change_way(request, queryset, Way.URGENT)

    @admin.action(description="Send failed ones again…", permissions=["operate"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Document]) -> HttpResponse | None:
        choice = choose(queryset.select_related("leader"), why_not_again)
        form = SendAgainForm(confirmed(request))
        if choice.ids and not form.is_valid():
            reasons = Counter(choice.documents.values_list("failure_reason", flat=True))
            return self.ask(
                request,
                queryset,
                action="send_again",
                title=f"Send {len(choice.ids)} failed documents again",
                form=form,
                button="Send again",
                sentences=[f"{n} × {reason}: {FailureReason(reason).sentence}" for reason, n in reasons.items()],
                warning="Every document that is sent again is paid for again; its copies go with it.",
            )
        moved = 0
        if choice.ids:
            way = Way(form.cleaned_data["way"])
            with transaction.atomic():
                with_copies = again.queue_again(choice.documents, way)
                moved = choice.documents.exclude(state=DocumentState.FAILED).count()
                if with_copies:
                    sentence = f"Sent failed documents again, {LEAVING[way].lower()}: {with_copies} with their copies"
                    activity.record(request.user, sentence, choice.subject, documents=choice.ids)
        self._tell(request, moved, choice.sentence(moved, "Sent again"))
        return None

    @admin.action(description="Close failures with a reason…", permissions=["operate"])
    def close(self, request: HttpRequest, queryset: QuerySet[Document]) -> HttpResponse | None:
        choice = choose(queryset, why_not_close)
        form = CloseForm(confirmed(request))
        if choice.ids and not form.is_valid():
            return self.ask(
                request,
                queryset,
                action="close",
                title=f"Close {len(choice.ids)} failures",
                form=form,
                button="Close them",
                sentences=["They stay failed, bring no label and leave the list of decisions."],
            )
        moved = 0
        if choice.ids:
            reason = form.cleaned_data["reason"]
            with transaction.atomic():
                moved = failures.close(choice.documents, reason)
                if moved:
                    activity.record(
                        request.user,
                        f"Closed failures: {moved}, because: {reason}",
                        choice.subject,
                        documents=choice.ids,
                    )
        self._tell(request, moved, choice.sentence(moved, "Closed"))
        return None

    def _change_way(self, request: HttpRequest, queryset: QuerySet[Document], way: Way) -> None:
        choice = choose(queryset.select_related("leader"), why_not_leave(way))
        with transaction.atomic():
            ways.change_way(choice.documents, way)
            moved = choice.documents.filter(way=way).count()
            if moved:
                sentence = f"{LEAVING[way]}: {moved} documents"
                activity.record(request.user, sentence, choice.subject, documents=choice.ids)
        self._tell(request, moved, choice.sentence(moved, LEAVING[way]))

    def _tell(self, request: HttpRequest, moved: int, sentence: str) -> None:
        self.message_user(request, sentence, messages.SUCCESS if moved else messages.WARNING)


@admin.register(DocumentText)
class DocumentTextAdmin(LookAdmin):
    beside = ("beginning",)
    left_out = ("text",)
    list_display = ("pk", "external_id", "gold_label", "excerpt")
    search_fields = ("pk",)
    search_help_text = "D-12, an external id, or a custom_id"

    def get_queryset(self, request: HttpRequest) -> QuerySet[DocumentText]:
        """The text may have megabytes: only its beginning leaves the database."""
        rows: QuerySet[DocumentText] = super().get_queryset(request)
        match = request.resolver_match
        if match and match.url_name and match.url_name.endswith("_changelist"):
            return rows.defer("text", "metadata").annotate(beginning=Left("text", 80))
        return rows.defer("text").annotate(beginning=Left("text", BEGINNING))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[DocumentText], search_term: str
    ) -> tuple[QuerySet[DocumentText], bool]:
        return (queryset.filter(pk__in=find_documents(search_term)) if search_term.strip() else queryset), False

    @admin.display(description="text")
    def beginning(self, row: Any) -> str:
        return row.beginning

    @admin.display(description="text")
    def excerpt(self, row: Any) -> str:
        return row.beginning


def find_documents(term: str) -> list[int]:
    """Keys of the documents that a search means, by index alone: D-12, an external id, or a custom_id."""
    term = term.strip()
    if own := custom_ids.parse(term, installation()):
        return [own.document_id]
    named = DocumentText.objects.filter(~Q(external_id=""), external_id=term).values_list("pk", flat=True)[:MOST_FOUND]
    return [*numbers(term, "D-"), *named]
