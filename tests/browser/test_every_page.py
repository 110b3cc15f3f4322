"""Every page in a real Chromium, light and dark, wide and on a phone: sound for axe, the policy and the eye."""

import re
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.urls import URLPattern, reverse
from playwright.sync_api import Page

import batchsite.urls
import labeling.urls
from labeling.models import Setting
from labeling.states import FailureReason
from labeling.views.reader import THEME_COOKIE
from tests.browser import hostile
from tests.browser.furniture import furnish, restore
from tests.browser.house import WIDE, House, complaints
from tests.browser.soundness import EVERY_LOOK, SHORT_LOOK, faults

pytestmark = pytest.mark.browser
NEW = (
    "/",
    "/uploads/",
    "/uploads/new/",
    "/documents/",
    "/batches/",
    "/decisions/",
    "/savings/",
    "/tasks/",
    "/activity/",
)
"""The pages that say what to do first."""

ELSEWHERE = {"login", "restored", "account_add", "account_password"}
"""Pages that a test of their own opens."""

FIELDS = "(area) => area.form.insertAdjacentHTML('beforeend', '<input type=hidden name=x>'.repeat(10_001))"
BACKGROUND = "getComputedStyle(document.body).backgroundColor"
NO_PAGE = re.compile(r"live/|healthz|.*\.(csv|jsonl|js)$|.*labels\.|.*/original$")
A_VALUE = {"int": 1, "slug": "letters", "text": "x", "date": date(2026, 11, 19), "reason": FailureReason.UNCLEAR}


@pytest.fixture(scope="module")
def furnished(house: House) -> dict[str, list[str]]:
    house.ada.username = hostile.ACCOUNT
    house.ada.save()
    return furnish(house.ada)


def look_at(page: Page, addresses: Iterable[str], status: int = 200) -> list[str]:
    """At the first one thoroughly; the others are the same page in another state."""
    found = []
    for number, address in enumerate(addresses):
        answer = page.goto(address)
        if answer and answer.status != status:
            found.append(f"{address} answers {answer.status}")
        found += faults(page, SHORT_LOOK if number else EVERY_LOOK)
    return found


def test_every_page_of_a_new_house_is_sound(house: House) -> None:
    with house.window(house.ada) as page:
        said = complaints(page)
        assert (look_at(page, NEW), said) == ([], [])


def test_every_page_is_sound_whatever_the_words_on_it(house: House, furnished: dict[str, list[str]]) -> None:
    with house.window(house.ada) as page:
        # The page for a server that is away leaves as soon as the server answers.
        page.route("**/static/offline*.js", lambda route: route.fulfill(content_type="text/javascript", body=""))
        said = complaints(page)
        found = [fault for of_one_name in furnished.values() for fault in look_at(page, of_one_name)]
        assert (found, said) == ([], [])


def test_no_page_was_forgotten(house: House, furnished: dict[str, list[str]]) -> None:
    """Whatever answers a GET with a page is opened here; a command does not, and a download is no page."""
    client = Client()
    client.force_login(house.ada)
    others = {pattern.name: pattern for pattern in patterns() if pattern.name not in {*furnished, *ELSEWHERE}}
    assert [name for name, pattern in others.items() if client.get(some_address(pattern)).status_code != 405] == []


def test_signing_in_is_sound(house: House) -> None:
    with house.window() as page:
        said = complaints(page)
        found = look_at(page, ["/login"])
        page.fill("input[name=username]", hostile.TEXT[:150])
        page.fill("input[name=password]", "wrong")
        page.press("input[name=password]", "Enter")
        page.get_by_text("do not match").wait_for()
        assert (found + faults(page), but_for_statuses(said)) == ([], [])


def test_what_went_wrong_is_sound(house: House, furnished: dict[str, list[str]]) -> None:
    viewer = house.somebody("vera", "viewer")
    with house.window(viewer) as page:
        said = complaints(page)
        found = look_at(page, ["/accounts/"], 403) + look_at(page, ["/nothing/like/this"], 404)
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE labeling_spendtally RENAME TO out_of_reach")
            found += look_at(page, ["/savings/"], 500)
            cursor.execute("ALTER TABLE out_of_reach RENAME TO labeling_spendtally")
        page.set_viewport_size(WIDE)
        page.goto("/password")
        page.context.clear_cookies(name=re.compile("csrf"))
        page.locator("button[name=theme]:visible").click()
        page.get_by_text("Nothing was done").wait_for()
        assert (found + faults(page), but_for_statuses(said)) == ([], [])


def test_what_is_too_much_or_too_large_is_sound(house: House, furnished: dict[str, list[str]], tmp_path: Path) -> None:
    large = tmp_path / "large.csv"
    large.write_bytes(bytes(26_500_000))
    Setting.objects.create(key="upload_bytes", value=10)
    with house.window(house.ada) as page:
        # The page itself refuses a file that is too large; without its script the server does.
        page.route("**/static/app*.js", lambda route: route.fulfill(content_type="text/javascript", body=""))
        said = complaints(page)
        page.goto("/uploads/new/")
        page.locator("textarea").evaluate(FIELDS)
        page.get_by_role("button", name="Upload and check").click()
        page.get_by_text("That was not understood").wait_for()
        found = faults(page)
        page.goto("/uploads/new/")
        page.set_input_files("#file", large)
        page.get_by_role("button", name="Upload and check").click()
        page.get_by_text("The file is too large").wait_for()
        assert (found + faults(page), but_for_statuses(said)) == ([], [])


def test_the_admin_is_sound_and_as_dark_as_the_dashboard(house: House, furnished: dict[str, list[str]]) -> None:
    with house.window(house.ada) as page:
        said = complaints(page)
        found = look_at(page, ["/admin/", "/admin/labeling/document/", "/admin/labeling/batch/?q=1"])
        page.set_viewport_size(WIDE)
        page.context.add_cookies([{"name": THEME_COOKIE, "value": "dark", "url": house.url}])
        page.emulate_media(color_scheme="light")
        page.goto("/admin/")
        admin = page.evaluate(BACKGROUND)
        page.get_by_role("link", name="Back to the dashboard").click()
        page.wait_for_url(f"{house.url}/")
        assert (found, said, page.evaluate(BACKGROUND)) == ([], [], admin)


def test_a_password_that_is_shown_once_is_sound(house: House, furnished: dict[str, list[str]]) -> None:
    with house.window(house.ada) as page:
        said = complaints(page)
        page.goto("/accounts/")
        page.fill("#a-name", "nora")
        page.get_by_role("button", name="Add the account").click()
        page.locator("#one-time").wait_for()
        assert (faults(page), said) == ([], [])


def test_a_house_that_was_restored_is_sound(house: House, furnished: dict[str, list[str]]) -> None:
    restore()
    with house.window(house.ada) as page:
        said = complaints(page)
        assert (look_at(page, ["/restored/", "/"]), said) == ([], [])


def patterns() -> Iterator[URLPattern]:
    for pattern in [*labeling.urls.urlpatterns, *batchsite.urls.urlpatterns]:
        if isinstance(pattern, URLPattern) and not NO_PAGE.match(str(pattern.pattern)):
            yield pattern


def some_address(pattern: URLPattern) -> str:
    kinds = re.findall(r"<(\w+):(\w+)>", str(pattern.pattern))
    return reverse(str(pattern.name), kwargs={name: A_VALUE[kind] for kind, name in kinds})


def but_for_statuses(said: list[str]) -> list[str]:
    """The browser itself notes every answer that is no 200."""
    return [words for words in said if "the server responded with a status of" not in words]
