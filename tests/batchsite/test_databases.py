"""Make-believe has a database of its own, so it can never mix with real labels and real money."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from batchsite.databases import database_settings
from batchsite.embedded_postgres import server
from batchsite.environment import read_environment
from batchsite.sandbox_database.base import DatabaseWrapper

OTHER_SETTINGS = {"TIME_ZONE": None, "AUTOCOMMIT": True}


def settings_for(monkeypatch: pytest.MonkeyPatch, **variables: str) -> dict[str, Any]:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return database_settings(read_environment())


def test_without_a_key_the_embedded_database_is_the_sandbox_one(monkeypatch):
    assert settings_for(monkeypatch)["NAME"] == "nightshift_sandbox"


def test_with_a_key_the_embedded_database_is_the_real_one(monkeypatch):
    assert settings_for(monkeypatch, ANTHROPIC_API_KEY="key")["NAME"] == "nightshift"


def test_without_a_key_a_named_database_gets_a_neighbor(monkeypatch):
    found = settings_for(monkeypatch, DATABASE_URL="postgresql://me:p%40ss@db.example.com:5433/labels?sslmode=require")
    assert (found["NAME"], found["BESIDE_DATABASE"]) == ("labels_sandbox", "labels")
    assert (found["USER"], found["PASSWORD"], found["HOST"], found["PORT"]) == ("me", "p@ss", "db.example.com", "5433")
    assert found["OPTIONS"] == {"sslmode": "require"}


def test_a_database_named_as_the_sandbox_is_used_as_it_is(monkeypatch):
    assert settings_for(monkeypatch, DATABASE_URL="postgresql://me@host/labels_sandbox")["NAME"] == "labels_sandbox"


def test_with_a_key_a_named_database_is_used_as_it_is(monkeypatch):
    found = settings_for(monkeypatch, DATABASE_URL="postgresql://me@host/labels", ANTHROPIC_API_KEY="key")
    assert (found["NAME"], found["ENGINE"]) == ("labels", "django.db.backends.postgresql")


@pytest.mark.parametrize("url", ["", "postgresql://me@host/labels"])
def test_connections_are_kept_and_never_pooled(monkeypatch, url):
    found = settings_for(monkeypatch, **({"DATABASE_URL": url} if url else {}))
    assert (found["CONN_MAX_AGE"], found["CONN_HEALTH_CHECKS"]) == (600, True)
    assert "pool" not in found.get("OPTIONS", {})


@pytest.fixture(scope="module")
def address() -> Iterator[dict[str, Any]]:
    """A server of its own, which also has a user who may make nothing."""
    data = Path(os.environ["NIGHTSHIFT_HOME"]) / "databases"
    where = server.ensure(data, "labels")
    with psycopg.connect(**where, user="postgres", dbname="postgres", autocommit=True) as connection:
        connection.execute("CREATE ROLE poor LOGIN")
    yield where
    server.stop(data, even_if_connected=True)


def wrapper_for(monkeypatch: pytest.MonkeyPatch, address: dict[str, Any], user: str, name: str) -> DatabaseWrapper:
    url = f"postgresql://{user}@/{name}?host={address['host']}&port={address['port']}"
    assert conninfo_to_dict(url)["host"] == address["host"]
    return DatabaseWrapper({**settings_for(monkeypatch, DATABASE_URL=url), **OTHER_SETTINGS})


def test_the_neighbor_is_made_by_the_first_connection(monkeypatch, address, django_db_blocker):
    wrapper = wrapper_for(monkeypatch, address, "postgres", "labels")
    with django_db_blocker.unblock():
        wrapper.connect()
        assert wrapper.connection.info.dbname == "labels_sandbox"
        wrapper.close()


def test_a_user_who_may_not_make_it_reads_what_to_do(monkeypatch, address, django_db_blocker):
    server.create_database({**address, "user": "postgres", "dbname": "postgres"}, "other")
    wrapper = wrapper_for(monkeypatch, address, "poor", "other")
    with django_db_blocker.unblock(), pytest.raises(Exception, match='CREATE DATABASE "other_sandbox"'):
        wrapper.connect()


def test_the_error_of_a_server_stays_its_own(monkeypatch, address, django_db_blocker):
    wrapper = wrapper_for(monkeypatch, address, "nobody", "labels")
    with django_db_blocker.unblock(), pytest.raises(Exception, match='role "nobody" does not exist'):
        wrapper.connect()
