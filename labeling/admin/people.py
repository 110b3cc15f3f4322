"""People: Django's pages of users and groups, which leave somebody who may administer; one-time passwords and tries."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm
from django.contrib.auth.models import Group, User
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect

from labeling.models import OneTimePassword, SignInTries
from labeling.transitions.accounts import ROLES, LastAdmin, somebody_is_left

from .base import LookAdmin

admin.site.unregister((User, Group))

LAST_ADMIN = "Not done: nobody would be left who may administer. Make somebody else an admin first."


class PasswordForm(AdminPasswordChangeForm):  # type: ignore[type-arg]  # not generic at run time
    """A password is the only way in: Django's choice to sign in without one is not offered."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields.pop("usable_password", None)


@admin.register(User)
class KeptUserAdmin(UserAdmin):  # type: ignore[type-arg]  # not generic at run time
    """Put out of use, given a smaller role, deleted: refused here, too, where it would take the last admin."""

    change_password_form = PasswordForm

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return _kept(request, super().changeform_view, *args, **kwargs)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return _kept(request, super().delete_view, *args, **kwargs)

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return _kept(request, super().changelist_view, *args, **kwargs)


@admin.register(Group)
class RoleAdmin(GroupAdmin):
    """The roles are laid by Nightshift at each start: who changed one would change what every page asks for."""

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return super().has_change_permission(request, obj) and not _is_role(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return super().has_delete_permission(request, obj) and not _is_role(obj)


@admin.register(OneTimePassword)
class OneTimePasswordAdmin(LookAdmin):
    list_display = ("user", "given_at", "given_by", "ends_at")
    list_select_related = ("user",)


@admin.register(SignInTries)
class SignInTriesAdmin(LookAdmin):
    list_display = ("address", "tries", "since")


def _kept(request: HttpRequest, view: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
    """The page as it is, or nothing of what it did, and a sentence instead of what it said."""
    if request.method != "POST":
        return view(request, *args, **kwargs)
    try:
        with somebody_is_left():
            return view(request, *args, **kwargs)
    except LastAdmin:
        list(messages.get_messages(request))  # what was said of that is not true any more
        messages.error(request, LAST_ADMIN)
        return redirect(request.get_full_path())


def _is_role(group: Group | None) -> bool:
    return group is not None and group.name in ROLES
