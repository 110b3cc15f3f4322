"""Django's PostgreSQL backend, on a server that is started by the first connection that needs it.

Importing the settings starts nothing. A server that died is started again by the next connection, in any process.
"""

from pathlib import Path
from typing import Any

import psycopg
from django.db.backends.postgresql import base

from batchsite.embedded_postgres import server


class DatabaseWrapper(base.DatabaseWrapper):
    """`EMBEDDED_DATA` of the settings names the data folder; HOST and PORT follow from what runs there."""

    def get_connection_params(self) -> dict[str, Any]:
        where = server.address(self._data) or server.ensure(self._data)
        return {**super().get_connection_params(), **where}

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Tries once more on a server that surely runs: the first address was a dead one's, or the database is new."""
        try:
            return super().get_new_connection(conn_params)
        except psycopg.OperationalError:
            where = server.ensure(self._data, self._database_to_create(conn_params))
            return super().get_new_connection({**conn_params, **where})

    @property
    def _data(self) -> Path:
        return Path(self.settings_dict["EMBEDDED_DATA"]).resolve()

    def _database_to_create(self, conn_params: dict[str, Any]) -> str | None:
        """Only the installation's own database is made on the way; a test's is made by the test runner."""
        name = conn_params.get("dbname")
        return name if name == self.settings_dict.get("EMBEDDED_DATABASE") else None
