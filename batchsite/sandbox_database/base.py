"""Django's PostgreSQL backend for `<name>_sandbox`: made beside `<name>` by the first connection that misses it."""

from typing import Any

import psycopg
from django.db.backends.postgresql import base

from batchsite.embedded_postgres.server import create_database


class DatabaseWrapper(base.DatabaseWrapper):
    """`BESIDE_DATABASE` of the settings names the database that exists already."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        try:
            return super().get_new_connection(conn_params)
        except psycopg.OperationalError:
            if not self._make_missing(conn_params):
                raise
            return super().get_new_connection(conn_params)

    def _make_missing(self, conn_params: dict[str, Any]) -> bool:
        """True when the database was missing and now exists; a test's database is not ours to make."""
        name, beside = self.settings_dict["NAME"], self.settings_dict["BESIDE_DATABASE"]
        if conn_params.get("dbname") != f"{beside}_sandbox" or name != conn_params["dbname"]:
            return False
        plain = {key: value for key, value in conn_params.items() if key not in ("cursor_factory", "context")}
        try:
            return create_database({**plain, "dbname": beside}, name)
        except psycopg.OperationalError:
            return False  # the server itself does not answer: the first error says it
        except psycopg.Error as error:
            raise psycopg.OperationalError(
                f"Without an API key Nightshift works in the database {name}, which does not exist, and this user may "
                f'not make it. Let somebody run: CREATE DATABASE "{name}"'
            ) from error
