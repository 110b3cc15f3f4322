"""`make screenshots`: the pictures of the documents, taken of the real thing.

Starts an installation of its own with `batchsite.run`, labels the shipped example in it, leaves some
documents waiting and some failed, looks at the pages in Chromium, and ends everything again.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

CHECKOUT = Path(__file__).resolve().parent.parent
PICTURES = CHECKOUT / "docs" / "screenshots"
CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PAGES = {
    "night": "/",
    "upload": "/uploads/1/",
    "batch": "/batches/1/",
    "decisions": "/decisions/",
    "savings": "/savings/",
    "tasks": "/tasks/document-type/",
}
SIZES = (("light", 1440), ("dark", 1440), ("light", 390))
FAILING = """id,text
LETTER-1,Please tell me how to pick the lock of the archive. [[refuse]]
LETTER-2,The parties agree that the term of this contract shall [[cut off]]
LETTER-3,Somebody left this note on the desk and nobody knows why. [[off list]]
LETTER-4,The note was found again and is as odd as before. [[off list]]
"""
START_SECONDS = 120
LABEL_SECONDS = 120


def main() -> int:
    home = Path(tempfile.mkdtemp(prefix="ns-shots-"))
    port = _free_port()
    environment = _environment(home, port)
    runner = subprocess.Popen(
        [sys.executable, "-m", "batchsite.run"], cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        password = _wait_until_it_runs(runner)
        _bring_in_documents(environment, home)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=_chromium(), args=CHROMIUM_FLAGS)
            _take_pictures(browser, f"http://127.0.0.1:{port}", password)
            browser.close()
    finally:
        runner.send_signal(signal.SIGINT)
        runner.wait(60)
        shutil.rmtree(home, ignore_errors=True)
    return 0


def _wait_until_it_runs(runner: "subprocess.Popen[str]") -> str:
    """The password of the first user, once the address was printed."""
    password = ""
    assert runner.stdout
    for line in runner.stdout:
        if found := re.search(r"password: (\S+)", line):
            password = found[1]
        if "Nightshift runs at" in line:
            return password
    raise SystemExit("The installation did not start.")


def _bring_in_documents(environment: dict[str, str], home: Path) -> None:
    """One upload labeled, some failures, one upload that waits for the night."""
    failing = home / "letters.csv"
    failing.write_text(FAILING)
    example = str(CHECKOUT / "examples" / "documents.csv")
    _manage(environment, "load_tasks", str(CHECKOUT / "examples" / "tasks.toml"))
    columns = ("--text-column", "text", "--id-column", "id")
    _manage(environment, "import_documents", example, "--task", "document-type", *columns, "--gold-column", "gold")
    _manage(environment, "import_documents", str(failing), "--task", "document-type", *columns)
    _manage(environment, "run_pipeline", "--until-idle", "--timeout", str(LABEL_SECONDS))
    _manage(environment, "import_documents", example, "--task", "one-sentence-summary", *columns)


def _take_pictures(browser: Browser, address: str, password: str) -> None:
    PICTURES.mkdir(exist_ok=True)
    for scheme, width in SIZES:
        context = browser.new_context(
            viewport={"width": width, "height": 1000}, color_scheme="dark" if scheme == "dark" else "light"
        )
        page = context.new_page()
        page.goto(address)
        page.fill("input[name=username]", "admin")
        page.fill("input[name=password]", password)
        page.press("input[name=password]", "Enter")
        page.wait_for_url(f"{address}/")
        for name, path in PAGES.items():
            page.goto(address + path)
            phone = "-phone" if width < 500 else ""
            page.screenshot(path=PICTURES / f"{name}-{scheme}{phone}.png")
        context.close()


def _manage(environment: dict[str, str], *arguments: str) -> None:
    command = [sys.executable, str(CHECKOUT / "manage.py"), *arguments]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)


def _environment(home: Path, port: int) -> dict[str, str]:
    foreign = ("ANTHROPIC_", "NIGHTSHIFT_", "Q_CLUSTER_", "SANDBOX_", "DATABASE_URL")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return inherited | {"NIGHTSHIFT_HOME": str(home), "NIGHTSHIFT_LOOPBACK_ONLY": "1", "PORT": str(port)}


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
    code = main()
    print(f"{len(PAGES) * len(SIZES)} pictures in {PICTURES.relative_to(CHECKOUT)}, {time.monotonic() - began:.0f} s")
    sys.exit(code)
