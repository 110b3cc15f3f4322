"""What people decided about leaving: trials with their documents, and orders to send now."""

from django.contrib import admin

from labeling.models import SendOrder, Trial, TrialDocument

from .base import LookAdmin


@admin.register(Trial)
class TrialAdmin(LookAdmin):
    list_display = ("id", "upload", "version", "wanted", "started_by", "started_at", "decision", "decided_by")
    list_select_related = ("upload", "version__task")


@admin.register(TrialDocument)
class TrialDocumentAdmin(LookAdmin):
    list_display = ("document_id", "trial")
    list_select_related = ("trial",)


@admin.register(SendOrder)
class SendOrderAdmin(LookAdmin):
    list_display = ("id", "upload", "task", "way", "state", "ordered_by", "ordered_at", "leaves_at", "documents")
    list_select_related = ("upload", "task")
