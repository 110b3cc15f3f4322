"""A page that stays open follows what happens, outlives its server, and keeps what somebody types in it."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from labeling.models import Document, LabelingTaskVersion
from tests.browser.house import House, until
from tests.factories import make_document, make_request, make_task, make_upload, make_version, make_workers_well

pytestmark = pytest.mark.browser
HIDE = """(hidden) => { Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
    document.dispatchEvent(new Event("visibilitychange")); }"""


@pytest.fixture(scope="module")
def version(house: House) -> LabelingTaskVersion:
    make_workers_well()
    version = make_version(make_task(slug="letters"))
    make_document(make_upload(version))
    return version


def came_in(page: Page) -> str:
    return f"{Document.objects.count()} came in"


def time_passes(page: Page) -> None:
    """The clock of the page goes on by a minute; what falls due by then happens."""
    page.clock.fast_forward(61_000)


def time_passes_until(condition: Callable[[], bool], page: Page) -> None:
    def later() -> bool:
        time_passes(page)
        return condition()

    until(later, page)


def open_with_a_clock(page: Page, address: str) -> None:
    page.clock.install()
    page.goto(address)
    page.evaluate("window.untouched = true")


def test_it_follows_what_happens(house: House, version: LabelingTaskVersion) -> None:
    with house.window(house.ada) as page:
        open_with_a_clock(page, "/")
        make_document(make_upload(version))
        time_passes(page)
        page.get_by_text(came_in(page)).wait_for()
        assert page.evaluate("window.untouched")


def test_it_says_that_it_is_stale_and_lives_again_when_the_server_is_back(
    house: House, version: LabelingTaskVersion
) -> None:
    with house.window(house.ada) as page:
        open_with_a_clock(page, "/")
        banner, line = page.locator("#stale"), page.locator("#live-line")
        house.web.stop()
        try:
            time_passes_until(banner.is_visible, page)
            expect(banner).to_contain_text("These figures are from")
            expect(line).to_contain_text("Stale since")
            assert page.get_by_text(came_in(page)).is_visible()
            make_document(make_upload(version))
        finally:
            house.web.start()
        time_passes_until(banner.is_hidden, page)
        page.get_by_text(came_in(page)).wait_for()
        expect(line).to_contain_text("Live, updated")
        assert page.evaluate("window.untouched")


def test_a_page_that_is_opened_while_the_server_is_away_comes_by_itself(house: House) -> None:
    """The page for that is kept from the visit before."""
    with house.window(house.ada) as page:
        page.goto("/settings/")
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        house.web.stop()
        try:
            page.goto("/settings/")
            page.get_by_role("heading", name="The server is away").wait_for()
        finally:
            house.web.start()
        page.locator("main#main h1").wait_for()


def test_it_rests_while_its_tab_is_hidden_and_looks_at_once_when_it_is_seen_again(
    house: House, version: LabelingTaskVersion
) -> None:
    with house.window(house.ada) as page:
        open_with_a_clock(page, "/")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.evaluate(HIDE, True)
        time_passes(page)
        time_passes(page)
        assert asked == []
        expect(page.locator("#live-line")).to_have_text("Paused while the tab is hidden")
        make_document(make_upload(version))
        page.evaluate(HIDE, False)
        page.get_by_text(came_in(page)).wait_for()


def test_what_somebody_types_and_where_he_is_outlive_a_change(house: House, version: LabelingTaskVersion) -> None:
    upload = make_upload(version)
    documents = [make_document(upload) for _ in range(3)]
    with house.window(house.ada) as page:
        open_with_a_clock(page, f"/uploads/{upload.pk}/")
        page.get_by_text("Hold this upload").click()
        page.fill("#why-upload", "the sender")
        flight = page.locator("#o-flight .fig")
        make_request(documents[0])
        time_passes_until(lambda: flight.inner_text() == "1", page)
        expect(page.locator("#why-upload")).to_have_value("the sender")
        expect(page.locator("#why-upload")).to_be_focused()

        page.locator("#o-waiting").focus()
        make_request(documents[1])
        time_passes_until(lambda: flight.inner_text() == "2", page)
        expect(page.locator("#o-waiting")).to_be_focused()
