"""Everything can be reached and seen with the keyboard alone."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.house import PHONE, House
from tests.factories import make_document, make_task, make_upload, make_version

pytestmark = pytest.mark.browser
CAUSE = "/decisions/letters/not_a_label/"
ACTIVE = """() => { const on = document.activeElement, look = getComputedStyle(on), at = on.getBoundingClientRect();
    const drop = on.closest(".drop");
    return {end: on === document.body, name: on.outerHTML.slice(0, 120),
        marked: look.outlineStyle !== "none" || (drop && getComputedStyle(drop).outlineStyle !== "none"),
        seen: at.width > 0 && at.bottom > 0 && at.top < innerHeight && at.right > 0 && at.left < innerWidth}; }"""


@pytest.fixture(scope="module")
def upload(house: House):
    upload = make_upload(make_version(make_task(slug="letters")))
    make_document(upload)
    make_document(upload, state="failed", failure_reason="not_a_label")
    return upload


def walk(page: Page) -> list[dict]:
    """Tab after Tab until the page ends: what had the focus."""
    found: list[dict] = []
    for _ in range(150):
        page.keyboard.press("Tab")
        on = page.evaluate(ACTIVE)
        if on["end"]:
            return found
        found.append(on)
    raise AssertionError("the focus does not come to an end")


def test_the_first_tab_leads_past_the_menu(house: House, upload) -> None:
    with house.window(house.ada) as page:
        page.goto("/")
        page.keyboard.press("Tab")
        skip = page.get_by_role("link", name="Skip to content")
        expect(skip).to_be_focused()
        expect(skip).to_be_in_viewport()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.closest('main') !== null")


@pytest.mark.parametrize(
    "address", ["/", "/uploads/new/", "/documents/", "/tasks/new/", "/decisions/letters/not_a_label/"]
)
def test_whatever_has_the_focus_is_marked_and_in_sight(house: House, upload, address: str) -> None:
    with house.window(house.ada) as page:
        page.goto(address)
        walked = walk(page)
        assert len(walked) > 15
        assert [on["name"] for on in walked if not (on["marked"] and on["seen"])] == []


def test_a_menu_opens_with_enter_and_escape_leads_back(house: House, upload) -> None:
    with house.window(house.ada) as page:
        page.goto("/")
        menu = page.locator("details.menu", has_text="Pause sending")
        menu.locator("summary").focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        expect(page.locator("#pause-reason")).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.locator("#pause-reason")).to_be_hidden()
        expect(menu.locator("summary")).to_be_focused()


def test_on_a_phone_the_menu_leads_everywhere(house: House, upload) -> None:
    with house.window(house.ada, viewport=PHONE) as page:
        page.goto("/")
        page.get_by_label("Menu", exact=True).focus()
        page.keyboard.press("Enter")
        reached = set()
        for _ in range(14):
            page.keyboard.press("Tab")
            reached.add(page.evaluate("document.activeElement.textContent.trim()"))
        assert {"The night", "Uploads", "Documents", "Labeling tasks", "Savings", "Activity", "Settings"} <= reached


def test_a_wrong_field_gets_the_focus(house: House, upload) -> None:
    with house.window(house.ada) as page:
        page.goto("/tasks/new/")
        page.get_by_role("button", name="Make the task").press("Enter")
        page.locator("[aria-invalid=true]").first.wait_for()
        assert page.evaluate("document.activeElement.getAttribute('aria-invalid')") == "true"


def test_an_answer_in_the_page_does_not_lose_the_place(house: House, upload) -> None:
    """Who released something with a key is not thrown back to the top of the page."""
    with house.window(house.ada) as page:
        page.goto(f"/uploads/{upload.pk}/")
        page.get_by_text("Hold this upload").focus()
        page.keyboard.press("Enter")
        page.locator("#why-upload").fill("the sender asks")
        page.keyboard.press("Enter")
        page.get_by_text("Held by ada", exact=True).wait_for()
        assert page.evaluate("document.activeElement !== document.body")
