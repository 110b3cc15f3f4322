"""What was erased, by whom and why."""

from django.contrib import admin

from labeling.models import Erasure

from .base import LookAdmin


@admin.register(Erasure)
class ErasureAdmin(LookAdmin):
    list_display = ("id", "kind", "asked_at", "asked_by", "reason", "upload_id", "documents", "done_at")
