"""What went out: alarms, and every message with its tries."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from labeling.models import Alarm, Notice

from .base import LookAdmin


@admin.register(Alarm)
class AlarmAdmin(LookAdmin):
    list_display = ("__str__", "kind", "subject", "sentence", "raised_at", "told_at", "cleared_at", "returns")


@admin.register(Notice)
class NoticeAdmin(LookAdmin):
    list_display = (
        "kind", "subject", "receiver_kind", "made_at", "tries", "delivered_at", "given_up_at", "last_error",
    )  # fmt: skip
    search_fields = ("subject",)
    search_help_text = "A subject: A-12, N-2026-11-22, U-5"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Notice], search_term: str
    ) -> tuple[QuerySet[Notice], bool]:
        term = search_term.strip()
        return (queryset.filter(subject=term) if term else queryset), False
