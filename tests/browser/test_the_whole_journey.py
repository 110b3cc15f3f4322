"""What a person does from the first sign-in to the file with labels, with the real workers and the sandbox."""

import csv
import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from playwright.sync_api import FilePayload, Page, expect

from batchsite.api_address import sandbox_url
from batchsite.environment import read_environment
from tests.browser.house import House, complaints
from tests.browser.programs import workers

pytestmark = [pytest.mark.browser, pytest.mark.journey]
PASSWORD = "a-long-password"
ODD = 7
"""The row that gets an answer which is no label."""

LETTERS = b"id,text,sender\n" + b"".join(
    b"L-%d,Letter number %d. %s,Ann\n" % (n, n, b"[[off list]]" if n == ODD else b"") for n in range(30)
)


@pytest.fixture(scope="module")
def page(house: House) -> Iterator[Page]:
    """A new house with its workers, and a window in which nobody is signed in yet."""
    house.ada.password = PBKDF2PasswordHasher().encode(PASSWORD, "salt")
    house.ada.save()
    with workers(house.web.port), house.window(accept_downloads=True) as page:
        yield page


def tell_the_sandbox(**behavior: object) -> None:
    request = urllib.request.Request(
        f"{sandbox_url(read_environment().home)}/sandbox/behavior",
        json.dumps(behavior).encode(),
        {"Content-Type": "application/json"},
    )
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60).close()


def press(page: Page, words: str | re.Pattern[str]) -> None:
    page.get_by_role("button", name=words).first.click()


def upload(page: Page, way: str, *, text: str = "", file: bytes = b"") -> None:
    page.goto("/uploads/new/")
    if file:
        page.set_input_files("#file", FilePayload(name="letters.csv", mimeType="text/csv", buffer=file))
    else:
        page.fill("#text", text)
    page.check(f"input[value={way}]")
    press(page, "Upload and check")
    page.get_by_role("heading", name="Which column holds the text?").wait_for()


def test_from_the_first_sign_in_to_the_file_with_labels(page: Page, tmp_path: Path) -> None:
    said = complaints(page)
    page.goto("/")
    page.fill("input[name=username]", "ada")
    page.fill("input[name=password]", PASSWORD)
    press(page, "Sign in")

    page.locator("#first-task").click()
    page.fill("#instructions", "Say what kind of letter it is.")
    page.fill("#model", "claude-haiku-4-5")
    page.fill("#max_tokens", "64")
    page.check("input[value=classify]")
    page.fill("#labels_pasted", "invoice: asks for money\\nthanks: says thank you".replace("\\n", "\n"))
    page.fill("#name", "Letters")
    page.fill("#slug", "letters")
    press(page, "Make the task")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Letters")

    upload(page, "tonight", file=LETTERS)
    receipt = page.url
    page.evaluate("window.untouched = true")
    page.fill("#try_first", "20")
    press(page, "Try these first, and hold the rest")
    page.get_by_text(re.compile(r"20 of 20 came back|19 of 20 came back, 1 failed")).wait_for()
    press(page, re.compile("^In a batch now, "))
    expect(page.locator("#o-labeled .fig")).to_have_text("29", timeout=60_000)
    expect(page.locator("#o-failed .fig")).to_have_text("1")
    assert page.evaluate("window.untouched"), "the receipt was loaded again instead of following what happens"

    page.goto("/decisions/")
    expect(page.get_by_role("heading", level=1)).to_have_text("1 decision, 1 document")
    page.get_by_role("link", name="The answer is not one of the labels", exact=True).click()
    page.get_by_text("Or close them without a label").click()
    page.fill("#close-why", "an odd one")
    press(page, "Close 1 document")
    page.goto("/decisions/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Nothing to decide")

    tell_the_sandbox(seconds_per_batch=30)
    upload(page, "now", text="A letter that nobody needs.")
    press(page, re.compile("^Import "))
    expect(page.locator("#o-flight .fig")).to_have_text("1", timeout=60_000)
    canceled = page.url
    page.locator("[id^=ub-]", has_text="B-").first.click()
    page.locator("#acts").get_by_text("Cancel this batch").click()
    page.check("input[value=withdraw]")
    press(page, "Cancel 1 request")
    expect(page.locator("#headline .badge")).to_contain_text("Canceled", timeout=60_000)
    page.goto(canceled)
    expect(page.locator("#o-withdrawn .fig")).to_have_text("1", timeout=60_000)

    upload(page, "tonight", text="The wrong file.\nAll of it.")
    press(page, re.compile("^Import "))
    expect(page.locator("#o-waiting .fig")).to_have_text("2", timeout=60_000)
    page.get_by_role("link", name="Withdraw this upload").click()
    press(page, re.compile("^Withdraw "))
    page.get_by_text("Withdrawn by ada").wait_for()
    expect(page.locator("#o-withdrawn .fig")).to_have_text("2", timeout=60_000)

    page.goto("/savings/")
    expect(page.get_by_role("heading", level=1)).to_contain_text(re.compile(r"^\$0\.0*[1-9]\d* saved, .*below"))

    page.goto(receipt)
    with page.expect_download() as coming:
        page.get_by_role("link", name="Your file with labels").click()
    coming.value.save_as(tmp_path / "labels.csv")
    with (tmp_path / "labels.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["id"], row["sender"]) for row in rows] == [(f"L-{n}", "Ann") for n in range(30)]
    odd = rows.pop(ODD)
    assert (odd["label"], odd["state"]) == ("", "failed")
    assert {row["label"] for row in rows} <= {"invoice", "thanks"}
    assert {row["state"] for row in rows} == {"labeled"}
    assert said == []
