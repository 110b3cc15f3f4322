"""The house of one module, and people who look at it in windows of their own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.test import Client
from playwright.sync_api import Browser, Dialog, Page, ViewportSize

from tests.browser.programs import Web

WIDE: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
LISTENER = """addEventListener("securitypolicyviolation", (event) =>
    console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`))"""


class House:
    """An installation with ada in it, who may do everything."""

    def __init__(self, web: Web, chromium: Browser) -> None:
        self.web, self.url = web, web.url
        self._chromium = chromium
        self.ada = User.objects.create_superuser("ada")

    def somebody(self, name: str, role: str) -> User:
        user = User.objects.create_user(name)
        user.groups.add(Group.objects.get(name=role))
        return user

    @contextmanager
    def window(self, user: User | None = None, **options: Any) -> Iterator[Page]:
        """A page of a browser in which somebody is signed in; it stands still, so nothing waits for a motion."""
        context = self._chromium.new_context(
            **{"viewport": WIDE, "base_url": self.url, "reduced_motion": "reduce", **options}
        )
        context.add_init_script(LISTENER)
        if user:
            context.add_cookies([self._cookie(user)])
        page = context.new_page()
        page.set_default_timeout(60_000)
        try:
            yield page
        finally:
            context.close()

    def _cookie(self, user: User) -> Any:
        """Its name carries the port, so that two installations on one machine do not sign each other's users out."""
        client = Client()
        client.force_login(user)
        name = f"nightshift_session_{self.web.port}"
        return {"name": name, "value": client.cookies[settings.SESSION_COOKIE_NAME].value, "url": self.url}


def complaints(page: Page) -> list[str]:
    """What the browser says from now on: console, errors of scripts, and what the policy blocked."""
    said: list[str] = []

    def refuse(dialog: Dialog) -> None:
        said.append(f"{page.url}: a dialog, {dialog.message}")
        dialog.dismiss()

    page.on("console", lambda message: said.append(f"{page.url}: {message.text}"))
    page.on("pageerror", lambda error: said.append(f"{page.url}: {error}"))
    page.on("dialog", refuse)
    return said


def until(condition: Callable[[], Any], page: Page) -> Any:
    """What the condition gives once it is true, while the page lives on."""
    for _ in range(600):
        if found := condition():
            return found
        page.wait_for_timeout(100)
    raise AssertionError("waited for a minute")
