"""Which database this process uses: the embedded one, or the server that DATABASE_URL names.

Without an API key everything is make-believe and lives in a database of its own, named `..._sandbox`, so that its
labels and its money can never mix with real ones.
"""

from typing import Any

from psycopg.conninfo import conninfo_to_dict

from batchsite.environment import Environment

EMBEDDED_NAME = "nightshift"
SANDBOX_SUFFIX = "_sandbox"

PERSISTENT: dict[str, Any] = {"CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True}
"""Connections are kept: django-q's pusher would make five a second. Never a pool: it does not survive a fork."""


def database_settings(environment: Environment) -> dict[str, Any]:
    """The one entry of Django's DATABASES."""
    suffix = "" if environment.has_credentials else SANDBOX_SUFFIX
    if environment.database_url is None:
        return _embedded(environment, EMBEDDED_NAME + suffix)
    return _named(environment.database_url, suffix)


def _embedded(environment: Environment, name: str) -> dict[str, Any]:
    return {
        **PERSISTENT,
        "ENGINE": "batchsite.embedded_postgres",
        "NAME": name,
        "USER": "postgres",
        "EMBEDDED_DATA": environment.home / "pg",
        "EMBEDDED_DATABASE": name,
    }


def _named(url: str, suffix: str) -> dict[str, Any]:
    """The parser of libpq understands everything that psql does: escapes, sslmode, a socket as host."""
    parts: dict[str, Any] = dict(conninfo_to_dict(url))
    given = str(parts.pop("dbname"))
    settings = {
        **PERSISTENT,
        "ENGINE": "django.db.backends.postgresql",
        "NAME": given,
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "HOST": parts.pop("host", ""),
        "PORT": str(parts.pop("port", "")),
        "OPTIONS": parts,
    }
    if suffix and not given.endswith(suffix):
        settings |= {"ENGINE": "batchsite.sandbox_database", "NAME": given + suffix, "BESIDE_DATABASE": given}
    return settings
