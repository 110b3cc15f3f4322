"""What every answer tells the browser: run nothing from elsewhere, guess no type, show nothing in a frame."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.web.addresses import TABLE, Who, furnish

EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
NOTHING_FROM_ELSEWHERE = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
}


@pytest.fixture
def admin(db: None, person: Callable[[str], User]) -> Client:
    furnish()
    client = Client(raise_request_exception=False)
    client.force_login(person("admin"))
    return client


def test_every_answer_has_them_and_what_is_private_stays_in_no_cache(admin: Client, client: Client) -> None:
    """Pages, parts, files, redirects to sign in, errors, the admin."""
    looked_at = [address for address in TABLE if "GET" in address.methods]
    answers = {address.url: admin.get(address.url).headers for address in looked_at}
    others = ("/", "/uploads/", "/nope", "/%00", "/pause", "/admin/", "/admin/login/")
    answers |= {f"{path} to a stranger": client.get(path).headers for path in others}
    lacking = {
        path: [name for name, value in EVERYWHERE.items() if headers.get(name) != value]
        for path, headers in answers.items()
    }
    assert {path: names for path, names in lacking.items() if names} == {}
    policies = {path: headers.get("Content-Security-Policy", "") for path, headers in answers.items()}
    assert {
        path: rules for path, rules in policies.items() if not set(rules.split("; ")) >= NOTHING_FROM_ELSEWHERE
    } == {}
    private = [address.url for address in looked_at if address.who > Who.STRANGER]
    rules = {path: answers[path].get("Cache-Control", "") for path in private}
    assert {path: rule for path, rule in rules.items() if "no-store" not in rule or "private" not in rule} == {}


def test_what_is_downloaded_is_never_shown_as_a_page(admin: Client) -> None:
    ends = ("_csv", "_answers", "_labels", "_original", "_refused", "_requests", "_results")
    files = [address.url for address in TABLE if address.name.endswith(ends)]
    assert len(files) >= 10
    for path in files:
        headers = admin.get(path).headers
        assert headers["Content-Disposition"].startswith("attachment")
        assert "html" not in headers["Content-Type"]


def test_the_cookies_are_for_the_server_alone(client: Client, person: Callable[[str], User]) -> None:
    name = person("viewer").username
    client.get("/login")
    client.post("/login", {"username": name, "password": "night-night-1"})
    assert {name: (cookie["httponly"], cookie["samesite"]) for name, cookie in client.cookies.items()} == dict.fromkeys(
        client.cookies, (True, "Lax")
    )
