"""What the API said about models and tokens."""

from django.contrib import admin

from labeling.models import ListedModel, TokenCount

from .base import LookAdmin


@admin.register(ListedModel)
class ListedModelAdmin(LookAdmin):
    list_display = ("id", "display_name", "lifecycle", "retires_at", "max_tokens", "is_listed", "seen_at")
    ordering = ("id",)


@admin.register(TokenCount)
class TokenCountAdmin(LookAdmin):
    left_out = ("params",)
    list_display = ("id", "tokens", "asked_at", "counted_at", "error")
