"""People at the door of the admin, and rows to look at; imported late, because models come after the settings."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client


@pytest.fixture
def superuser(db: None) -> Client:
    return _sign_in("sophie", is_superuser=True)


@pytest.fixture
def viewer(db: None) -> Client:
    return _sign_in("vera", "viewer")


@pytest.fixture
def operator(db: None) -> Client:
    return _sign_in("otto", "operator")


@pytest.fixture
def administrator(db: None) -> Client:
    return _sign_in("anna", "admin")


@pytest.fixture
def make_rows(db: None) -> Callable[[], dict[type, Any]]:
    """One more row of every kind, each time it is called; returns what to open for each model."""
    from tests.admin import world

    return world.make_rows


@pytest.fixture
def rows(make_rows: Callable[[], dict[type, Any]]) -> dict[type, Any]:
    return make_rows()


def _sign_in(name: str, group: str = "", **columns: Any) -> Client:
    from tests.admin import world

    return world.sign_in(name, group, **columns)
