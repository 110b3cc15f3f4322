"""From the form to the labels without JavaScript: every command is a form, and every page is whole."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, Page

from labeling.models import Setting
from tests.browser.house import House, until
from tests.browser.programs import workers
from tests.factories import make_task, make_version

pytestmark = pytest.mark.browser
FILE = FilePayload(
    name="letters.csv",
    mimeType="text/csv",
    buffer=b"id,text,sender\n" + b"".join(b"L-%d,Letter number %d.,Ann\n" % (n, n) for n in range(8)),
)


@pytest.fixture(scope="module")
def page(house: House) -> Iterator[Page]:
    make_version(make_task(slug="letters"))
    with house.window(house.ada, java_script_enabled=False, accept_downloads=True) as page:
        yield page


def press(page: Page, words: str | re.Pattern[str]) -> None:
    """A page that is loaded again before the answer is there is no page at that moment."""
    with page.expect_navigation():
        page.get_by_role("button", name=words).click()


def sees_after_reloads(page: Page, words: str) -> None:
    def looks() -> bool:
        page.reload()
        return page.get_by_text(words).first.is_visible()

    until(looks, page)


def test_a_file_goes_from_the_form_to_its_labels(house: House, page: Page, tmp_path: Path) -> None:
    with workers(house.web.port):
        page.goto("/uploads/new/")
        page.set_input_files("#file", FILE)
        page.check("input[value=now]")
        press(page, "Upload and check")
        sees_after_reloads(page, "Which column holds the text?")
        press(page, re.compile("^Import 8 documents"))
        until(lambda: page.reload() and page.locator("#o-labeled .fig").all_inner_texts() == ["8"], page)
        with page.expect_download() as coming:
            page.get_by_role("link", name="Your file with labels").click()
    coming.value.save_as(tmp_path / "labels.csv")
    with (tmp_path / "labels.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["id"], row["sender"]) for row in rows] == [(f"L-{n}", "Ann") for n in range(8)]
    assert {row["label"] for row in rows} <= {"red", "green", "blue"}
    assert {row["state"] for row in rows} == {"labeled"}


def test_a_file_that_is_far_too_large_is_refused_with_a_page(page: Page, house: House, tmp_path: Path) -> None:
    """Refused by its length before it was read: the browser must still get to see the answer."""
    Setting.objects.create(key="upload_bytes", value=10)
    (tmp_path / "large.csv").write_bytes(b"text\n" + b"x" * 27_000_000)
    page.goto("/uploads/new/")
    page.set_input_files("#file", tmp_path / "large.csv")
    page.get_by_role("button", name="Upload and check").click()
    page.get_by_text("The file is too large").wait_for()
    assert page.get_by_role("link", name="Upload another file").is_visible()
