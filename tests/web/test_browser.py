"""The pages in a real Chromium: no script error, nothing that the policy blocks, nothing that axe finds."""

import shutil
from collections.abc import Iterator
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from labeling import foundations
from labeling.states import DocumentState
from tests.factories import make_document, make_task, make_upload, make_version

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PAGES = (
    "/",
    "/uploads/",
    "/uploads/new/",
    "/documents/",
    "/batches/",
    "/nights/",
    "/decisions/",
    "/decisions/?tab=again",
    "/decisions/?tab=closed",
    "/decisions/letters/poison/",
    "/activity/",
    "/savings/",
    "/tasks/",
    "/tasks/letters/",
    "/tasks/letters/edit/",
    "/tasks/new/",
    "/settings/",
    "/accounts/",
    "/password",
)
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag22aa", "best-practice"]}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert path, "The browser tests need Chromium: apt-get install chromium."
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def address(live_server) -> str:
    """A house with something on every page, and somebody who may do everything."""
    foundations.lay_foundations()
    User.objects.create_superuser("ada", password="a-long-password")
    upload = make_upload(make_version(make_task(slug="letters")))
    for text in ("A first letter.", "A second <script>alert(1)</script> letter."):
        make_document(upload, text=text)
    make_document(upload, text="An odd one.", state=DocumentState.FAILED)
    return str(live_server.url)


def sign_in(page: Page, address: str) -> None:
    page.goto(address)
    page.fill("input[name=username]", "ada")
    page.fill("input[name=password]", "a-long-password")
    page.press("input[name=password]", "Enter")
    page.wait_for_url(f"{address}/")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_every_page_is_sound(chromium: Browser, address: str, scheme: Literal["light", "dark"], width: int) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    said: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        said.append(f"{page.url}: {message.text}")

    page.on("console", listen)
    sign_in(page, address)
    faults = []
    for path in PAGES:
        page.goto(address + path)
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            faults.append(f"{path} scrolls sideways")
        found = Axe().run(page, options=RULES)
        faults += [f"{path}: {violation['id']}" for violation in found.response["violations"]]
    context.close()
    assert (faults, said) == ([], [])


def test_a_page_that_is_open_follows_what_happens(chromium: Browser, address: str) -> None:
    """The uploads page asks again by itself: a new upload appears without a reload."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    sign_in(page, address)
    page.goto(f"{address}/")
    page.evaluate("window.untouched = true")
    make_document(make_upload(make_version(make_task(slug="bills"))), text="A bill.")
    page.get_by_text("4 came in").wait_for(timeout=60_000)
    assert page.evaluate("window.untouched")
    context.close()
