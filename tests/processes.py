"""Processes that work on the database of the tests, and those of a house that runs."""

import os
from pathlib import Path
from urllib.parse import quote

import psutil
from django.db import connection

from batchsite.leftovers import MARK


def environment(**more: str) -> dict[str, str]:
    """To pass to Popen."""
    parameters = connection.get_connection_params()
    login = ":".join(quote(str(parameters[key]), safe="") for key in ("user", "password") if parameters.get(key))
    query = "&".join(f"{key}={quote(str(parameters[key]), safe='')}" for key in ("host", "port") if parameters.get(key))
    url = f"postgresql://{login}@/{quote(parameters['dbname'], safe='')}?{query}"
    return {**os.environ, "DATABASE_URL": url, "PYTHONUNBUFFERED": "1", **more}


def marked(home: Path) -> list[psutil.Process]:
    """What runs for the house in this folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == str(home) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found
