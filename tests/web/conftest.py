"""People with each role, signed in. Django is imported late, because this file is read before it is set up."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.test import Client


@pytest.fixture
def person(db: None) -> Callable[[str], User]:
    """Makes a user of a role; an empty role is an account without any."""
    from django.contrib.auth.models import Group, User

    def make(role: str) -> User:
        user = User.objects.create_user(f"{role or 'nobody'}-person", password="night-night-1")
        if role:
            user.groups.add(Group.objects.get(name=role))
        return user

    return make


def signed_in(user: User) -> Client:
    from django.test import Client

    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def viewer(person: Callable[[str], User]) -> Client:
    return signed_in(person("viewer"))


@pytest.fixture
def operator(person: Callable[[str], User]) -> Client:
    return signed_in(person("operator"))


@pytest.fixture
def admin(person: Callable[[str], User]) -> Client:
    return signed_in(person("admin"))


@pytest.fixture
def nobody(person: Callable[[str], User]) -> Client:
    return signed_in(person(""))
