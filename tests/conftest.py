"""Every test run is an installation of its own: a folder, a database and no account of the real API.

This happens on import, before Django reads its settings.
"""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

FOREIGN = ("ANTHROPIC_", "NIGHTSHIFT_", "Q_CLUSTER_")
for variable in list(os.environ):
    if variable.startswith(FOREIGN) or variable in ("HOST", "PORT", "PUBLIC_URL"):
        del os.environ[variable]

# Short, because a unix socket lives in it and its path has at most 107 bytes.
HOME = Path(tempfile.mkdtemp(prefix="ns-", dir="/tmp" if Path("/tmp").is_dir() else None)).resolve()
os.environ["NIGHTSHIFT_HOME"] = str(HOME)
os.environ["NIGHTSHIFT_LOOPBACK_ONLY"] = "1"
os.environ["DJANGO_SETTINGS_MODULE"] = "batchsite.settings"
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # playwright's loop runs in the thread of the test


def pytest_configure(config: pytest.Config) -> None:
    """What a test changes in the settings: nothing that the product's behavior depends on."""
    from django.conf import settings

    assert Path(settings.NIGHTSHIFT_HOME) == HOME, "the settings were read before this file"
    settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STATIC_ROOT.mkdir(exist_ok=True)
    if config.getoption("numprocesses", None):
        # Processes that test side by side begin here. With this name in their environment pytest-django would read the
        # settings before this file has given them a folder, and so a database and a spool, of their own.
        del os.environ["DJANGO_SETTINGS_MODULE"]


@pytest.fixture(scope="session")
def django_db_modify_db_settings_parallel_suffix() -> None:
    """Processes that test side by side have a server each, and a name that ends otherwise were no sandbox's."""


@atexit.register
def _leave_nothing(owner: int = os.getpid()) -> None:
    """Also after a failure of pytest itself; not in a process that was forked from it."""
    if os.getpid() != owner:
        return
    from batchsite.embedded_postgres import server

    try:
        server.stop(HOME / "pg", even_if_connected=True)
    finally:
        shutil.rmtree(HOME, ignore_errors=True)


@pytest.fixture
def nightshift_home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installation's folder for one test, short enough for a socket, gone afterwards with what runs in it."""
    from batchsite.embedded_postgres import server

    home = Path(tempfile.mkdtemp(prefix="ns-", dir=HOME.parent)).resolve()
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(home))
    yield home
    server.stop(home / "pg", even_if_connected=True)
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def process_environment(transactional_db: None) -> dict[str, str]:
    """The environment of a process that works on the test's own database: pass it to Popen."""
    from tests.processes import environment

    return environment()
