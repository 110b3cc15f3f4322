"""Processes that work on the database of the tests."""

import os
from urllib.parse import quote

from django.db import connection


def environment(**more: str) -> dict[str, str]:
    """To pass to Popen."""
    parameters = connection.get_connection_params()
    login = ":".join(quote(str(parameters[key]), safe="") for key in ("user", "password") if parameters.get(key))
    query = "&".join(f"{key}={quote(str(parameters[key]), safe='')}" for key in ("host", "port") if parameters.get(key))
    url = f"postgresql://{login}@/{quote(parameters['dbname'], safe='')}?{query}"
    return {**os.environ, "DATABASE_URL": url, "PYTHONUNBUFFERED": "1", **more}
