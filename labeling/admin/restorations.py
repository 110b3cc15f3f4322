"""What was restored, and the Message Batches that were found since the backup."""

from django.contrib import admin
from django.utils.safestring import SafeString

from labeling.models import Batch, FoundBatch, Restoration

from .base import LookAdmin, link, list_link


@admin.register(Restoration)
class RestorationAdmin(LookAdmin):
    list_display = ("id", "backup_made_at", "restored_at", "restored_by", "listed_at", "settled_at", "settled_by")
    beside = ("found",)

    @admin.display(description="found")
    def found(self, row: Restoration) -> SafeString:
        return list_link(FoundBatch, "Message Batches since the backup", restoration__id__exact=row.pk)


@admin.register(FoundBatch)
class FoundBatchAdmin(LookAdmin):
    list_display = ("id", "message_batch_id", "created_at", "state", "of_batch", "requests", "mapped", "unknown", "why")
    list_filter = ("state",)
    ordering = ("-id",)

    @admin.display(description="batch")
    def of_batch(self, row: FoundBatch) -> SafeString:
        return link(Batch, row.batch_id, f"B-{row.batch_id}") if row.batch_id else SafeString("")
