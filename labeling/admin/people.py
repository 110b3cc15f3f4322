"""People beyond Django's own pages: who still has a one-time password, and who fails to sign in."""

from django.contrib import admin

from labeling.models import OneTimePassword, SignInTries

from .base import LookAdmin


@admin.register(OneTimePassword)
class OneTimePasswordAdmin(LookAdmin):
    list_display = ("user", "given_at", "given_by", "ends_at")
    list_select_related = ("user",)


@admin.register(SignInTries)
class SignInTriesAdmin(LookAdmin):
    list_display = ("address", "tries", "since")
