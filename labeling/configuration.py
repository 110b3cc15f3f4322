"""The settings that operators change in the product. An environment variable, where set, wins.

Each field is the setting, its default, its bounds and its sentence; the variable of `batch_requests`
is NIGHTSHIFT_BATCH_REQUESTS, and so on.
"""

import os
import secrets
import string
from collections.abc import Mapping
from datetime import time
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from django.core.exceptions import ImproperlyConfigured
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from batchsite.api_address import api_address

PREFIX = "NIGHTSHIFT_"
SANDBOX_POLL_SECONDS = 1.0


@cache
def _zones() -> set[str]:
    """Asking the system for them takes a hundredth of a second, and settings are loaded for every page."""
    return available_timezones()


def _known_zone(name: str) -> str:
    if name not in _zones():
        raise ValueError(f"{name} is not a time zone; write it like Europe/Berlin")
    return name


def _hour_and_minute(hour: time) -> time:
    if hour.tzinfo is not None or hour.second or hour.microsecond:
        raise ValueError("Write the hour like 22:30")
    return hour


class ReportWhen(StrEnum):
    """`complete`: as soon as the night is complete, at the latest at the hour."""

    HOUR = "hour"
    COMPLETE = "complete"
    OFF = "off"


Usd = Annotated[Decimal, Field(gt=0, le=1_000_000_000)]


class Configuration(BaseModel):
    model_config = ConfigDict(frozen=True, validate_default=True)

    batch_requests: int = Field(10_000, ge=1, le=100_000, description="Most requests in one batch")
    batch_bytes: int = Field(200_000_000, ge=1_000, le=256_000_000, description="Most bytes of one request body")
    queue_limit: int = Field(200_000, ge=1, le=100_000_000, description="Most requests in all open batches together")
    max_attempts: int = Field(3, ge=1, le=20, description="Attempts of one document before a person must look")
    poll_seconds: float = Field(60, gt=0, le=3600, description="Least seconds between two polls of one batch")
    create_timeout_seconds: float = Field(900, gt=0, le=1400, description="How long one create call may take")
    doubt_grace_seconds: float = Field(
        900,
        ge=0,
        le=31_536_000,
        description="How long an unknown batch must stay absent before its absence counts as proved",
    )
    retry_backoff_seconds: float = Field(300, ge=0, le=604_800, description="Wait before a document goes again")
    upload_bytes: int = Field(2_000_000_000, ge=1, le=10**15, description="Largest file")
    document_bytes: int = Field(10_000_000, ge=1, le=30_000_000, description="Largest text")
    late_upload_minutes: int = Field(
        120, ge=0, le=1380, description="Minutes that a late upload still leaves the same night"
    )
    min_free_bytes: int = Field(
        2_000_000_000, ge=0, le=10**18, description="Below this free disk, imports and ingest wait"
    )
    urgent_concurrency: int = Field(8, ge=1, le=64, description="Real-time calls at once")
    canary: bool = Field(True, description="Prove a new version with one real-time call before many are sent")
    night: Annotated[time, AfterValidator(_hour_and_minute)] = Field(
        time(0, 0), description="When the night leaves, in the site's zone"
    )
    time_zone: Annotated[str, AfterValidator(_known_zone)] = Field(
        "UTC", description="The site's zone, of nights and money"
    )
    night_late_minutes: int = Field(30, ge=1, le=1380, description="Minutes until a night that nobody sent is an alarm")
    report_when: ReportWhen = Field(ReportWhen.HOUR, description="When the morning report is sent")
    report_at: Annotated[time, AfterValidator(_hour_and_minute)] = Field(
        time(7, 0), description="Hour of the morning report"
    )
    night_limit_usd: Usd | None = Field(None, description="Most money per night, by worst-case estimate")
    urgent_limit_usd: Usd | None = Field(None, description="Most money per day of urgent calls")

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


def variable(name: str) -> str:
    return PREFIX + name.upper()


def fixed_by_environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The settings that the environment fixes, unparsed; an empty variable counts as not set."""
    environ = os.environ if environ is None else environ
    return {name: environ[variable(name)] for name in Configuration.model_fields if environ.get(variable(name))}


def load() -> Configuration:
    """The settings in force: environment before rows before defaults. One query.

    Raises ImproperlyConfigured with a sentence for each variable or row that cannot be read.
    """
    from labeling.models import Setting

    rows: dict[str, Any] = dict(Setting.objects.filter(key__in=Configuration.model_fields).values_list("key", "value"))
    try:
        return Configuration.model_validate({**_of_the_sandbox(), **rows, **fixed_by_environment()})
    except ValidationError as error:
        sentences = [f"{variable(str(e['loc'][0]))}={e['input']!r}: {e['msg']}." for e in error.errors()]
        raise ImproperlyConfigured(" ".join(sentences)) from None


def _of_the_sandbox() -> dict[str, Any]:
    """A sandbox batch ends in seconds and polls cost nothing, so nobody who tries things out waits a minute."""
    return {"poll_seconds": SANDBOX_POLL_SECONDS} if api_address().is_sandbox else {}


def installation() -> str:
    """The eight characters that begin every custom_id of this database; made once."""
    from labeling.models import Setting

    alphabet = string.ascii_lowercase + string.digits
    made = "".join(secrets.choice(alphabet) for _ in range(8))
    return str(Setting.objects.get_or_create(key="installation", defaults={"value": made})[0].value)
