"""Accounts and roles: added, changed, put out of use; somebody who may administer is always left."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.models import Group, User
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from labeling.models import OneTimePassword

ROLES = ("viewer", "operator", "admin")
"""From the smallest to the largest; each may what those before it may."""

ONE_TIME_ENDS_AFTER = timedelta(days=7)
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without the ones that look alike on paper."""


class LastAdmin(Exception):
    """Nobody would be left who may administer."""


def admins() -> QuerySet[User]:
    """Accounts in use that may administer and can sign in."""
    able = User.objects.filter(is_active=True).exclude(password__startswith=UNUSABLE_PASSWORD_PREFIX)
    return able.filter(Q(is_superuser=True) | Q(groups__name="admin")).distinct()


def role_of(user: User) -> str:
    """The largest of the user's roles; empty: none."""
    if user.is_superuser:
        return "admin"
    names = {group.name for group in user.groups.all()}
    return next((role for role in reversed(ROLES) if role in names), "")


def add(name: str, role: str, *, by: str) -> tuple[User, str]:
    """The user, and the one-time password that nobody can read a second time. IntegrityError if the name is taken."""
    with transaction.atomic():
        password = _password()
        user = User.objects.create_user(name, password=password)
        _take_role(user, role)
        _give(user, by)
    return user, password


def set_role(user: User, role: str) -> bool:
    """False if it was so already. Raises LastAdmin."""
    with somebody_is_left():
        user = User.objects.select_for_update().get(pk=user.pk)
        if role_of(user) == role:
            return False
        _take_role(user, role)
        return True


def set_active(user: User, active: bool) -> bool:
    """Out of use: signed out at once, and nothing of what was done under the name is lost. Raises LastAdmin."""
    with somebody_is_left():
        return bool(User.objects.filter(pk=user.pk, is_active=not active).update(is_active=active))


def renew_password(user: User, *, by: str) -> str:
    """A new one-time password; whoever is signed in with the old one is signed out."""
    with transaction.atomic():
        password = _password()
        user.set_password(password)
        user.save(update_fields=["password"])
        _give(user, by)
    return password


@contextmanager
def somebody_is_left() -> Iterator[None]:
    """Whatever the block does is undone where nobody would be left. Raises LastAdmin.

    One at a time: two admins who demote each other would each see the other.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('nightshift accounts', 0))")
        yield
        if not admins().exists():
            raise LastAdmin


def _take_role(user: User, role: str) -> None:
    """The admin pages of Django are an admin's; a superuser who is given a smaller role is none any more."""
    user.groups.remove(*Group.objects.filter(name__in=ROLES))
    user.groups.add(Group.objects.get(name=role))
    is_admin = role == "admin"
    User.objects.filter(pk=user.pk).update(is_staff=is_admin, is_superuser=user.is_superuser and is_admin)


def _give(user: User, by: str) -> None:
    ends_at = timezone.now() + ONE_TIME_ENDS_AFTER
    OneTimePassword.objects.update_or_create(user=user, defaults={"given_by": by[:150], "ends_at": ends_at})


def _password() -> str:
    """Sixteen letters in four groups: 79 bits, and to be read over the telephone."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4))
