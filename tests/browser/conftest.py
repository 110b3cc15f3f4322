"""One Chromium and one web server for all browser tests; each module furnishes a house of its own in the database.

Django is imported late, because this file is read before it is set up.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, sync_playwright

if TYPE_CHECKING:
    from pytest_django.plugin import DjangoDbBlocker

    from tests.browser.house import House
    from tests.browser.programs import Web

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert path, "The browser tests need Chromium: apt-get install chromium."
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def web(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Web]:
    """The real web server, as a process that works on the database of the tests."""
    from tests.browser.programs import Web

    with django_db_blocker.unblock():
        server = Web()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def db(chromium: Browser, django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Rows that are really committed, so that the server sees them; all are gone after the module.

    It has the name of pytest-django's fixture because a test that uses one of that name gets a database. Chromium
    comes first, because Django keeps a connection of its own for code in whose thread an event loop runs.
    """
    from django.core.cache import cache
    from django.core.management import call_command
    from django.db import connections

    from labeling.foundations import lay_foundations

    with django_db_blocker.unblock():
        lay_foundations()
        try:
            yield
        finally:
            call_command("flush", interactive=False, verbosity=0)
            cache.clear()
            connections.close_all()


@pytest.fixture(scope="module")
def house(db: None, web: Web, chromium: Browser) -> House:
    from tests.browser.house import House

    return House(web, chromium)
