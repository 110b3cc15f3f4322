"""`make screenshots`: a picture of every page, taken of the real thing, light and wide and dark on a phone.

`make screenshots ARGS="night uploads"` takes those of some pages and leaves the others as they are.

Two installations of their own, removed afterwards. In the first everything is real but the API, which is the sandbox:
a file goes from its check over a trial to its labels. The second is seeded with the rows of many nights, as
`manage.py seed_documents` makes them, because one night has no history; nobody works in it, so that it stands still
while it is looked at. docs/screens.md shows every picture with a sentence.
"""

import base64
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

CHECKOUT = Path(__file__).resolve().parent.parent
PICTURES = CHECKOUT / "docs" / "screenshots"
CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--hide-scrollbars"]
LOOKS = (("light", 1440, 1500), ("dark", 390, 1300))
"""Color scheme, width, and the most height that is taken of a page."""

QUALITY = 72
"""Of WebP: letters stay sharp, and all pictures together stay below six megabytes."""

SECONDS = 300
"""For anything that is waited for."""

NOBODY = {"login": "/login", "offline": "/offline"}
BEFORE_ANYTHING = {"first-run": "/", "task-new": "/tasks/new/"}
WORKED_IN = {
    "upload-new": "/uploads/new/",
    "upload-check": "/uploads/2/",
    "upload-tried": "/uploads/3/",
    "upload": "/uploads/1/",
    "upload-withdraw": "/uploads/1/withdraw/",
    "upload-again": "/uploads/1/again/",
    "document": "/documents/8/",
    "task-edit": "/tasks/document-type/edit/",
    "task-tried": "/tasks/document-type/tries/4/",
    "version-use": "/tasks/document-type/versions/2/use/",
    "erase": "/erase/?u=1",
    "settings": "/settings/",
    "accounts": "/accounts/",
    "password": "/password",
    "password-done": "/password/done",
    "not-found": "/uploads/4711/",
}
SEEDED = {
    "night": "/",
    "night-sheet": "/nights/{yesterday}/",
    "nights": "/nights/",
    "need": "/needs/decision--support-ticket-intent--cut_off/",
    "uploads": "/uploads/",
    "upload-in-flight": "/uploads/{in_flight}/",
    "documents": "/documents/?q=refund&state=labeled",
    "selection": "/documents/selections/{selection}/",
    "batches": "/batches/",
    "batch": "/batches/{ended}/",
    "batch-in-flight": "/batches/{open}/",
    "decisions": "/decisions/",
    "decisions-closed": "/decisions/?tab=closed",
    "cause": "/decisions/support-ticket-intent/cut_off/",
    "savings": "/savings/",
    "limits": "/limits/",
    "tasks": "/tasks/",
    "task": "/tasks/support-ticket-intent/",
    "activity": "/activity/",
    "admin": "/admin/",
}
GOING_AGAIN = {"decisions-going-again": "/decisions/?tab=again"}
IN_DOUBT = {"doubts": "/doubts/", "doubt": "/doubts/{doubtful}/"}
AFTER_A_RESTORE = {"restored": "/restored/"}
PAGES = NOBODY | BEFORE_ANYTHING | WORKED_IN | SEEDED | GOING_AGAIN | IN_DOUBT | AFTER_A_RESTORE
TASKS = CHECKOUT / "examples" / "tasks.toml"
EXAMPLE = CHECKOUT / "examples" / "documents.csv"
PASSWORD = "as-seen-on-pictures"  # noqa: S105 -- of a house that is gone when it is seen


@dataclass
class House:
    """An installation with a web server, and how to work in it."""

    home: Path
    port: int
    environment: dict[str, str]
    password: str = PASSWORD

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def manage(self, *arguments: str) -> str:
        command = [sys.executable, str(CHECKOUT / "manage.py"), *arguments]
        return subprocess.run(command, env=self.environment, check=True, stdout=subprocess.PIPE, text=True).stdout

    def ask(self, program: str) -> str:
        """The last line that a few lines of Python print in it."""
        return self.manage("shell", "--no-imports", "-c", program).strip().rpartition("\n")[2]


def main(names: list[str]) -> int:
    if unknown := set(names) - set(PAGES):
        raise SystemExit(f"No page is called {', '.join(sorted(unknown))}.")
    if not names:
        shutil.rmtree(PICTURES, ignore_errors=True)
    PICTURES.mkdir(exist_ok=True)
    wanted = set(names or PAGES)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_chromium(), args=CHROMIUM_FLAGS)
        if wanted & set(NOBODY | BEFORE_ANYTHING | WORKED_IN):
            with _house_at_work() as house:
                _take(browser, house, NOBODY, wanted, signed_in=False)
                _take(browser, house, BEFORE_ANYTHING, wanted)
                if wanted & set(WORKED_IN):
                    _work(browser, house)
                    _take(browser, house, WORKED_IN, wanted)
        if wanted & set(SEEDED | GOING_AGAIN | IN_DOUBT | AFTER_A_RESTORE):
            with _seeded_house() as house:
                for pages, what in (
                    (SEEDED, "furnish"),
                    (GOING_AGAIN, "go_again"),
                    (IN_DOUBT, "trouble"),
                    (AFTER_A_RESTORE, "restore"),
                ):
                    _take(browser, house, _addresses(house, pages, what), wanted)
        browser.close()
    return 0


# --- the house at work -----------------------------------------------------------------------------------------------


@contextmanager
def _house_at_work() -> Iterator[House]:
    with _empty_house(SANDBOX_FAULTS='{"on": "create", "do": "cut after"}') as house:
        runner = subprocess.Popen(
            [sys.executable, "-m", "batchsite.run"],
            cwd=CHECKOUT,
            env=house.environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            house.password = _first_password(runner)
            _wait_for_workers(house)
            yield house
        finally:
            runner.send_signal(signal.SIGINT)
            runner.wait(SECONDS)


def _first_password(runner: "subprocess.Popen[str]") -> str:
    """The password of the first user, once the address was printed."""
    password = ""
    assert runner.stdout
    for line in runner.stdout:
        if found := re.search(r"password: (\S+)", line):
            password = found[1]
        if "Nightshift runs at" in line:
            return password
    raise SystemExit("The installation did not start.")


def _wait_for_workers(house: House) -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        with suppress(HTTPError):  # 503: a queue has not beaten yet
            urlopen(f"{house.address}/healthz/workers").close()  # noqa: S310 -- of this machine
            return
        time.sleep(1)
    raise SystemExit("The workers did not beat.")


def _work(browser: Browser, house: House) -> None:
    """U-1 is labeled, and the answer to its create call was lost; U-2 is checked; U-3 was tried; a draft was tried,
    and U-5 waits for tonight under the version before it."""
    house.manage("load_tasks", str(TASKS))
    context = _context(browser, house, "light", 1440)
    page = context.new_page()
    _upload(page, house, "document-type")
    page.get_by_label("Id column").select_option("id")
    page.get_by_label("Column with right labels").select_option("gold")
    _press(page, "Read again")
    page.goto(f"{house.address}/uploads/1/")
    page.locator("[name=way][value=now]").check(timeout=SECONDS * 1000)
    _press(page, "Import")
    _wait_until(page, f"{house.address}/uploads/1/", "accepted documents =")
    house.manage("run_pipeline", "--until-idle", "--timeout", str(SECONDS))  # settles the doubt at once
    _upload(page, house, "one-sentence-summary")
    _upload(page, house, "amounts-and-dates")
    page.get_by_role("button", name="Try these first").click()
    _wait_until(page, f"{house.address}/uploads/3/", "20 of 20 came back")
    page.goto(f"{house.address}/tasks/document-type/edit/")
    page.locator("[name=instructions]").fill("Say what kind of document this is. A reminder of an invoice is a letter.")
    page.get_by_role("button", name="Save the draft").click()
    page.get_by_role("button", name="Try it", exact=True).click()
    page.wait_for_url("**/tries/*/")
    _wait_until(page, page.url, "20 of 20")
    context.close()
    more = house.home / "reminders.csv"
    more.write_text("id,text\n" + "".join(f"R-{n},Reminder {n}: your invoice is not paid yet.\n" for n in range(80)))
    house.manage("import_documents", str(more), "--task", "document-type", "--text-column", "text")


def _upload(page: Page, house: House, task: str) -> None:
    page.goto(f"{house.address}/uploads/new/")
    page.locator("input[type=file]").set_input_files(str(EXAMPLE))
    page.locator("[name=task]").first.select_option(task)
    page.get_by_role("button", name="Upload and check").click()
    expect(page.get_by_role("button", name=re.compile("^Import"))).to_be_visible(timeout=SECONDS * 1000)


def _press(page: Page, beginning: str) -> None:
    """A button that answers into the page: who goes on before the answer takes the question back."""
    with page.expect_response(lambda response: response.request.method == "POST"):
        page.get_by_role("button", name=re.compile(f"^{beginning}")).click()


def _wait_until(page: Page, address: str, words: str) -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        page.goto(address)
        if words in re.sub(r"\s+", " ", page.inner_text("main")):
            return
        page.wait_for_timeout(2000)
    raise SystemExit(f"{address} did not say “{words}” within {SECONDS} seconds.")


# --- the seeded house ------------------------------------------------------------------------------------------------


@contextmanager
def _seeded_house() -> Iterator[House]:
    money = {"NIGHTSHIFT_NIGHT_LIMIT_USD": "0.20", "NIGHTSHIFT_URGENT_LIMIT_USD": "0.05"}
    with _empty_house(DJANGO_SUPERUSER_PASSWORD=PASSWORD, **money) as house:
        for command in ("migrate --verbosity 0", "collectstatic --no-input --verbosity 0"):
            house.manage(*command.split())
        house.manage("seed_documents", "--documents", "20000", "--batches", "64")
        house.manage("createsuperuser", "--no-input", "--username", "admin", "--email", "admin@example.com")
        server = ("-m", "gunicorn", "batchsite.wsgi:application", "--bind", f"127.0.0.1:{house.port}")
        web = subprocess.Popen([sys.executable, *server, "--log-level", "error"], cwd=CHECKOUT, env=house.environment)
        try:
            yield house
        finally:
            web.terminate()
            web.wait(SECONDS)
            house.manage("devdb", "stop", "--force")


def _addresses(house: House, pages: dict[str, str], what: str) -> dict[str, str]:
    """Of pages that need a function of `docs/furniture.py` to have something to show."""
    known = json.loads(house.ask(f"import json; from docs import furniture; print(json.dumps(furniture.{what}()))"))
    return {name: path.format(**known) for name, path in pages.items()}


# --- looking ---------------------------------------------------------------------------------------------------------


def _take(browser: Browser, house: House, paths: dict[str, str], wanted: set[str], *, signed_in: bool = True) -> None:
    chosen = {name: path for name, path in paths.items() if name in wanted}
    for scheme, width, most_height in LOOKS:
        context = _context(browser, house, scheme, width, signed_in=signed_in)
        page = context.new_page()
        for name, path in chosen.items():
            page.goto(house.address + path)
            _picture(page, PICTURES / f"{name}-{scheme}.webp", width, most_height)
        context.close()


def _context(browser: Browser, house: House, scheme: str, width: int, *, signed_in: bool = True) -> BrowserContext:
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
        timezone_id="Europe/Berlin",
    )
    if signed_in:
        page = context.new_page()
        page.goto(f"{house.address}/login")
        page.fill("input[name=username]", "admin")
        page.fill("input[name=password]", house.password)
        page.press("input[name=password]", "Enter")
        page.wait_for_url(f"{house.address}/")
        page.close()
    return context


def _picture(page: Page, file: Path, width: int, most_height: int) -> None:
    """The whole page, or as much of it as a picture shows, as WebP: Playwright itself writes PNG and JPEG."""
    height = min(most_height, page.evaluate("document.documentElement.scrollHeight"))
    asked = {
        "format": "webp",
        "quality": QUALITY,
        "captureBeyondViewport": True,
        "clip": {"x": 0, "y": 0, "width": width, "height": height, "scale": 1},
    }
    taken = page.context.new_cdp_session(page).send("Page.captureScreenshot", asked)
    file.write_bytes(base64.b64decode(taken["data"]))


# --- rooms and ports -------------------------------------------------------------------------------------------------


@contextmanager
def _empty_house(**variables: str) -> Iterator[House]:
    home = Path(tempfile.mkdtemp(prefix="ns-shots-"))
    port = _free_port()
    foreign = ("ANTHROPIC_", "NIGHTSHIFT_", "Q_CLUSTER_", "SANDBOX_", "DATABASE_URL")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    environment |= {
        "NIGHTSHIFT_HOME": str(home),
        "NIGHTSHIFT_TIME_ZONE": "Europe/Berlin",
        "NIGHTSHIFT_LOOPBACK_ONLY": "1",
        "PORT": str(port),
        **variables,
    }
    try:
        yield House(home, port, environment)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _chromium() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    raise SystemExit("The pictures need Chromium: apt-get install chromium.")


if __name__ == "__main__":
    began = time.monotonic()
    code = main(sys.argv[1:])
    taken = list(PICTURES.glob("*.webp"))
    megabytes = sum(file.stat().st_size for file in taken) / 1_000_000
    where = PICTURES.relative_to(CHECKOUT)
    print(f"{len(taken)} pictures are in {where}, {megabytes:.1f} MB, {time.monotonic() - began:.0f} s")
    sys.exit(code)
