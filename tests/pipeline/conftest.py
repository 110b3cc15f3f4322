"""The house on real PostgreSQL with real commits, the API in memory, and the book checked after every test.

A conftest may be loaded before Django is set up, so models are imported where they are used.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import pytest
from pytest_django.plugin import DjangoDbBlocker

if TYPE_CHECKING:
    from tests.fake_api import FakeApi


@dataclass
class House:
    """A test that breaks the book on purpose says so."""

    balances: bool = True


@pytest.fixture(scope="session")
def quick_commits(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """What is proved here does not hang on the disk: a commit need not wait for it."""
    from django.db import connection

    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(f'ALTER DATABASE "{connection.settings_dict["NAME"]}" SET synchronous_commit TO off')
    connection.close()


@pytest.fixture
def db(quick_commits: None, django_db_blocker: DjangoDbBlocker) -> Iterator[House]:
    """Rows that are really committed, so that threads and processes see them; emptied afterwards.

    Deleting the few rows of a test is much faster than the flush of `transactional_db`. It has the name of
    pytest-django's fixture because a test that uses one of that name gets a database.
    """
    from django.db import connections

    from labeling import ledger

    with django_db_blocker.unblock():
        house = House()
        try:
            yield house
            wrong = [identity for identity in ledger.identities() if not identity.holds]
            assert bool(wrong) != house.balances, wrong
        finally:
            _empty()
            connections.close_all()


@pytest.fixture
def transactional_db(db: House) -> House:
    """For `process_environment`: the rows are committed here anyway."""
    return db


@pytest.fixture
def house(db: House) -> House:
    return db


@pytest.fixture
def fake(house: House, monkeypatch: pytest.MonkeyPatch) -> "FakeApi":
    from tests.fake_api import FakeApi

    return FakeApi().install(monkeypatch)


def _empty() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(_statements())


@cache
def _statements() -> str:
    """One transaction: foreign keys are checked at its end, and triggers write tallies until the last rows are gone."""
    from django.apps import apps
    from django_q.models import OrmQ

    models = [model for model in apps.get_app_config("labeling").get_models() if model.__name__ not in _KEPT]
    models.sort(key=lambda model: model.__name__.endswith("Tally"))
    return "; ".join(
        [f"DELETE FROM {model._meta.db_table}" for model in [*models, OrmQ]]
        + [
            "DELETE FROM labeling_modelprice WHERE source <> 'shipped with Nightshift'",
            "DELETE FROM labeling_gate WHERE task_id IS NOT NULL",
            "UPDATE labeling_gate SET closed_at = NULL, closed_by = '', kind = '', reason = '', until = NULL",
        ]
    )


_KEPT = ("ModelPrice", "Gate")
