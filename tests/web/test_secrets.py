"""A key, passwords and addresses with tokens are set, and are in no page, file, admin page, answer or command."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from io import StringIO

import pytest
from django.conf import settings
from django.contrib.admin import site
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from batchsite.addresses import read_addresses
from batchsite.environment import read_environment
from batchsite.logs import RedactingFormatter
from labeling.outgoing import trying
from tests.web.addresses import TABLE, furnish

SEEDED = {
    "ANTHROPIC_API_KEY": "sk-ant-api03-Seeded-Key-1234567890",
    "ANTHROPIC_AUTH_TOKEN": "token-seeded-0987654321",
    "ANTHROPIC_BASE_URL": "http://127.0.0.1:9",
    "NIGHTSHIFT_SMTP_URL": "smtps://mailer:Seeded%2FMail-Word-1@mail.example.com:465",
    "NIGHTSHIFT_MAIL_FROM": "nightshift@example.com",
    "NIGHTSHIFT_ALARM_MAIL_TO": "ops@example.com",
    "NIGHTSHIFT_ALARM_URLS": (
        "json://user:SeededChatWord1@chat.example.com/T0KEN1seeded slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlSeeded1"
    ),
    "NIGHTSHIFT_PING_URL": "https://ping.example.com/5eeded-c0de-4a7e-1234",
    "NIGHTSHIFT_WEBHOOK_URL": "https://hooks.example.com/in?token=s3ededH00kToken",
    "NIGHTSHIFT_WEBHOOK_SECRET": "whsec_U2VlZGVkV2ViaG9va1NlY3JldE9mMzJCeXRlczE=",
}
SECRETS = (
    "sk-ant-api03-Seeded-Key",
    "token-seeded-0987654321",
    "Mail-Word-1",
    "SeededChatWord1",
    "T0KEN1seeded",
    "TIiajkdnlSeeded1",
    "5eeded-c0de-4a7e",
    "s3ededH00kToken",
    "U2VlZGVkV2ViaG9va1NlY3JldE9mMzJCeXRlczE",
)


@pytest.fixture
def admin(db: None, person: Callable[[str], User], monkeypatch: pytest.MonkeyPatch) -> Client:
    furnish()
    for name, value in SEEDED.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(settings, "ENVIRONMENT", read_environment())
    monkeypatch.setattr(settings, "ADDRESSES", read_addresses())
    user = person("admin")
    user.is_staff = user.is_superuser = True
    user.save()
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def told(text: str) -> list[str]:
    return [secret for secret in (*SECRETS, settings.SECRET_KEY) if secret in text]


def leaks(client: Client, paths: Iterable[str]) -> dict[str, list[str]]:
    return {path: found for path in paths if (found := told(b"".join(client.get(path)).decode()))}


def test_no_page_and_no_file_has_one(admin: Client) -> None:
    trying.deliver_test(trying.make_test("ada"))
    assert leaks(admin, [address.url for address in TABLE if "GET" in address.methods]) == {}
    page = admin.get("/settings/").content.decode()
    assert "mailto, json, slack" in page
    assert "not on this machine" in page or "loopback" in page, page


def test_no_page_of_the_admin_has_one(admin: Client) -> None:
    trying.deliver_test(trying.make_test("ada"))
    rows = [row for model in site._registry for row in model._default_manager.all()[:3]]
    paths = [reverse(f"admin:{m._meta.app_label}_{m._meta.model_name}_changelist") for m in site._registry]
    paths += [reverse(f"admin:{r._meta.app_label}_{r._meta.model_name}_change", args=[r.pk]) for r in rows]
    assert leaks(admin, paths) == {}


def test_no_command_says_one(admin: Client) -> None:
    for words in ("status", "status --json", "doctor", "notify", "verify_batch", "resume --dry-run"):
        said = StringIO()
        with suppress(SystemExit):
            call_command(*words.split(), stdout=said, stderr=said)
        assert said.getvalue()
        assert told(said.getvalue()) == []


def test_a_page_that_breaks_says_none_and_the_log_blackens_them(
    admin: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError(f"cannot reach {' '.join(SEEDED.values())}")

    monkeypatch.setattr("labeling.views.documents.finding.find", broken)
    response = admin.get("/documents/")
    assert response.status_code == 500
    assert told(response.content.decode()) == []
    secrets = [*settings.ENVIRONMENT.secrets, *settings.ADDRESSES.secrets, settings.SECRET_KEY]
    lines = [RedactingFormatter(secrets).format(record) for record in caplog.records if record.exc_info]
    assert "[secret]" in "".join(lines)
    assert told("".join(lines)) == []
