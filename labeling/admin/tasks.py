"""What is to be done: tasks, whose name and priority may change, and their frozen versions."""

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest
from django.utils.safestring import SafeString

from labeling import activity
from labeling.models import Canary, Document, LabelingTask, LabelingTaskVersion

from .base import LookAdmin, LookInline, link, list_link, may


class VersionInline(LookInline):
    model = LabelingTaskVersion
    fields = ("number", "kind", "model", "max_tokens", "thinking", "effort", "created_at")


@admin.register(LabelingTask)
class LabelingTaskAdmin(LookAdmin):
    list_display = ("name", "slug", "priority", "version_in_use", "created_at")
    list_select_related = ("version_in_use__task",)
    ordering = ("-priority", "name")
    search_fields = ("slug", "name")
    inlines = (VersionInline,)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request, "operate")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [name for name in self.get_fields(request, obj) if name not in ("name", "priority")]

    def save_model(self, request: HttpRequest, obj: LabelingTask, form: Any, change: bool) -> None:
        """Only what the form changed is written: the version in use may have become another meanwhile."""
        before = {name: form.initial[name] for name in form.changed_data}
        if not before:
            return
        after = {name: form.cleaned_data[name] for name in before}
        changes = ", ".join(f"{name} from {before[name]} to {after[name]}" for name in before)
        with transaction.atomic():
            obj.save(update_fields=tuple(before))
            activity.record(request.user, f"Changed {changes}", f"task:{obj.slug}", before=before, after=after)


@admin.register(LabelingTaskVersion)
class LabelingTaskVersionAdmin(LookAdmin):
    beside = ("documents",)
    list_display = ("id", "task", "number", "kind", "model", "max_tokens", "created_at")
    list_select_related = ("task",)
    list_filter = ("kind", "task")

    @admin.display(description="documents")
    def documents(self, version: LabelingTaskVersion) -> SafeString:
        return list_link(Document, "those that wait under this version", version__id__exact=version.pk, stands="queued")


@admin.register(Canary)
class CanaryAdmin(LookAdmin):
    list_display = ("id", "version", "of_document", "state", "sent_at", "decided_at", "why")
    list_select_related = ("version__task",)
    list_filter = ("state",)

    @admin.display(description="document")
    def of_document(self, canary: Canary) -> SafeString:
        return link(Document, canary.document_id, f"D-{canary.document_id}")
