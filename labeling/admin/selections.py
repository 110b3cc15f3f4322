"""What people chose on the documents page, what was done with it, and the words by which texts are found."""

from django.contrib import admin

from labeling.models import BulkAct, DocumentWords, SelectedDocument, Selection

from .base import LookAdmin


@admin.register(Selection)
class SelectionAdmin(LookAdmin):
    list_display = ("key", "title", "documents", "created_by", "created_at", "frozen_at")


@admin.register(SelectedDocument)
class SelectedDocumentAdmin(LookAdmin):
    list_display = ("id", "selection", "document_id")
    list_select_related = ("selection",)


@admin.register(BulkAct)
class BulkActAdmin(LookAdmin):
    list_display = ("id", "kind", "selection", "way", "by", "looked_at", "moved", "created_at", "finished_at")
    list_select_related = ("selection",)


@admin.register(DocumentWords)
class DocumentWordsAdmin(LookAdmin):
    left_out = ("words",)
    list_display = ("pk",)
