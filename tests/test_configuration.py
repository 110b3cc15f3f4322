"""Settings: the environment before the rows before the defaults, and a sentence for what cannot be read."""

import os
import re
import time as clock
from datetime import time
from decimal import Decimal

import pytest
from django.core.exceptions import ImproperlyConfigured

from labeling import configuration
from labeling.configuration import Configuration
from labeling.models import Setting

pytestmark = pytest.mark.django_db

DEFAULTS = {
    "BATCH_REQUESTS": 10_000,
    "BATCH_BYTES": 200_000_000,
    "QUEUE_LIMIT": 200_000,
    "MAX_ATTEMPTS": 3,
    "POLL_SECONDS": 60,
    "CREATE_TIMEOUT_SECONDS": 900,
    "DOUBT_GRACE_SECONDS": 900,
    "RETRY_BACKOFF_SECONDS": 300,
    "UPLOAD_BYTES": 2_000_000_000,
    "DOCUMENT_BYTES": 10_000_000,
    "LATE_UPLOAD_MINUTES": 120,
    "MIN_FREE_BYTES": 2_000_000_000,
    "URGENT_CONCURRENCY": 8,
    "CANARY": True,
    "NIGHT": time(0, 0),
    "TIME_ZONE": "UTC",
    "NIGHT_LATE_MINUTES": 30,
    "REPORT_WHEN": "hour",
    "REPORT_AT": time(7, 0),
    "NIGHT_LIMIT_USD": None,
    "URGENT_LIMIT_USD": None,
}


def test_the_defaults_are_the_documented_ones() -> None:
    assert {name.upper(): value for name, value in Configuration.model_validate({}).model_dump().items()} == DEFAULTS


def test_a_variable_wins_over_a_row_and_a_row_over_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert configuration.load().batch_requests == 10_000
    Setting.objects.create(key="batch_requests", value=500)
    assert configuration.load().batch_requests == 500
    monkeypatch.setenv("NIGHTSHIFT_BATCH_REQUESTS", "70")
    assert configuration.load().batch_requests == 70
    assert configuration.fixed_by_environment() == {"batch_requests": "70"}


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTSHIFT_NIGHT", "")
    assert configuration.load().night == time(0, 0)
    assert configuration.fixed_by_environment() == {}


def test_every_kind_of_value_can_be_given_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"NIGHT": "22:30", "TIME_ZONE": "Europe/Berlin", "CANARY": "off", "POLL_SECONDS": "0.25"}
    for name, text in {**given, "NIGHT_LIMIT_USD": "12.50"}.items():
        monkeypatch.setenv(f"NIGHTSHIFT_{name}", text)
    found = configuration.load()
    assert (found.night, found.zone.key, found.canary, found.poll_seconds, found.night_limit_usd) == (
        time(22, 30), "Europe/Berlin", False, 0.25, Decimal("12.50"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("BATCH_REQUESTS", "0"),
        ("BATCH_REQUESTS", "100001"),
        ("BATCH_REQUESTS", "many"),
        ("BATCH_BYTES", "256000001"),
        ("POLL_SECONDS", "nan"),
        ("DOUBT_GRACE_SECONDS", "inf"),
        ("RETRY_BACKOFF_SECONDS", "1e300"),
        ("NIGHT", "24:00"),
        ("NIGHT", "midnight"),
        ("TIME_ZONE", "Berlin"),
        ("NIGHT_LIMIT_USD", "NaN"),
        ("NIGHT_LIMIT_USD", "-1"),
        ("CANARY", "perhaps"),
    ],
)
def test_a_variable_that_cannot_be_read_gets_a_sentence_with_its_name(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    monkeypatch.setenv(f"NIGHTSHIFT_{name}", text)
    with pytest.raises(ImproperlyConfigured, match=re.escape(f"NIGHTSHIFT_{name}='{text}': ")):
        configuration.load()


def test_several_wrong_variables_are_all_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTSHIFT_MAX_ATTEMPTS", "none")
    monkeypatch.setenv("NIGHTSHIFT_TIME_ZONE", "Atlantis")
    with pytest.raises(ImproperlyConfigured, match=r"MAX_ATTEMPTS=.*TIME_ZONE='Atlantis'"):
        configuration.load()


def test_the_sandbox_is_polled_each_second_unless_somebody_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    assert configuration.load().poll_seconds == 1
    monkeypatch.setenv("NIGHTSHIFT_POLL_SECONDS", "30")
    assert configuration.load().poll_seconds == 30
    monkeypatch.delenv("NIGHTSHIFT_POLL_SECONDS")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    assert configuration.load().poll_seconds == 60


def test_the_installation_has_eight_characters_for_ever() -> None:
    first = configuration.installation()
    assert re.fullmatch("[a-z0-9]{8}", first)
    assert configuration.installation() == first


def test_loading_the_settings_is_quick_enough_for_every_page() -> None:
    configuration.load()
    started = clock.process_time()
    for _ in range(20):
        configuration.load()
    assert clock.process_time() - started < 0.1


def test_every_setting_says_what_it_means() -> None:
    assert all(field.description for field in Configuration.model_fields.values())
    assert not [name for name in os.environ if name.startswith("NIGHTSHIFT_BATCH")]
