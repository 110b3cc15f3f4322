"""The settings as a form: every field is text, and Configuration itself says what is wrong with it."""

import re
from dataclasses import dataclass
from datetime import time
from typing import Any

from django import forms
from pydantic import ValidationError as SettingsInvalid

from labeling.configuration import Configuration, ReportWhen, fixed_by_environment, variable

LIMITS = frozenset({"night_limit_usd", "urgent_limit_usd"})
"""Settings beside which the page links to what they hold back."""

GROUPS = (
    (
        "The night",
        "When it leaves, and what belongs to it.",
        ("night", "time_zone", "late_upload_minutes", "night_late_minutes"),
    ),
    (
        "Money",
        "By the worst case: all input, and as many output tokens as a task allows.",
        ("night_limit_usd", "urgent_limit_usd"),
    ),
    ("Morning report", "By mail or chat, to the addresses below.", ("report_when", "report_at")),
    (
        "Batches and queues",
        "As your account allows.",
        ("batch_requests", "batch_bytes", "queue_limit", "urgent_concurrency", "canary"),
    ),
    (
        "Waiting and trying again",
        "In seconds.",
        ("poll_seconds", "create_timeout_seconds", "doubt_grace_seconds", "retry_backoff_seconds", "max_attempts"),
    ),
    ("Files and disk", "In bytes.", ("upload_bytes", "document_bytes", "min_free_bytes")),
)
"""Title, sentence, settings: every setting in exactly one group."""

CHOICES: dict[str, tuple[tuple[str, str], ...]] = {
    "canary": (("yes", "yes"), ("no", "no")),
    "report_when": (
        (ReportWhen.HOUR, "at the hour"),
        (ReportWhen.COMPLETE, "when the night is complete, at the latest at the hour"),
        (ReportWhen.OFF, "not at all"),
    ),
}

_PLAIN = {
    "int_parsing": "Write a whole number.",
    "int_parsing_size": "Write a whole number.",
    "int_from_float": "Write a whole number.",
    "float_parsing": "Write a number.",
    "finite_number": "Write a number.",
    "decimal_parsing": "Write an amount of dollars like 25.00.",
    "time_parsing": "Write the hour like 22:30.",
    "bool_parsing": "Choose yes or no.",
    "enum": "Choose one of the list.",
}
_HOUR = re.compile(r"\d{1,2}:\d{2}", re.ASCII)
_HOURS = ("night", "report_at")


@dataclass(frozen=True, slots=True)
class Row:
    """One setting as the page shows it."""

    name: str
    description: str
    variable: str
    value: str
    default: str
    errors: list[str]
    is_fixed: bool
    is_limit: bool
    choices: tuple[tuple[str, str], ...]

    @property
    def shown(self) -> str:
        return dict(self.choices).get(self.value, self.value)

    @property
    def shown_default(self) -> str:
        words = dict(self.choices).get(self.default, self.default)
        return f"{int(words):,}" if words.isdecimal() else words


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    sentence: str
    rows: list[Row]


class SettingsForm(forms.Form):
    """What the environment fixes is left alone; `seen` is the digest of the settings that its author saw."""

    seen = forms.CharField(required=False)

    def __init__(self, data: Any, in_force: Configuration) -> None:
        super().__init__(data)
        self.in_force = in_force
        self.fixed = fixed_by_environment()
        for name, described in Configuration.model_fields.items():
            self.fields[name] = forms.CharField(required=False, help_text=described.description or "")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        values = {name: self._value(name) for name in Configuration.model_fields if name not in self.fixed}
        try:
            Configuration.model_validate({**values, **self.fixed})
        except SettingsInvalid as invalid:
            for error in invalid.errors():
                name = str(error["loc"][0])
                said = _PLAIN.get(error["type"], f"{error['msg'].removeprefix('Value error, ')}.")
                self.add_error(name if name in self.fields else None, said)
        for name in _HOURS:
            if name not in self.fixed and name not in self.errors and not _HOUR.fullmatch(str(values[name])):
                self.add_error(name, _PLAIN["time_parsing"])
        return cleaned

    def changes(self) -> dict[str, tuple[str | None, str | None]]:
        """Before and after of what differs from what is in force; None is no limit."""
        before = {name: as_text(getattr(self.in_force, name)) for name in Configuration.model_fields}
        after = {name: self._value(name) for name in Configuration.model_fields if name not in self.fixed}
        return {name: (before[name], value) for name, value in after.items() if value != before[name]}

    def groups(self) -> list[Group]:
        return [Group(title, sentence, [self._row(name) for name in names]) for title, sentence, names in GROUPS]

    def _row(self, name: str) -> Row:
        in_force = as_text(getattr(self.in_force, name)) or ""
        was_sent = self.is_bound and name not in self.fixed and name in self.data
        return Row(
            name=name,
            description=Configuration.model_fields[name].description or name,
            variable=variable(name),
            value=str(self.data.get(name, "")) if was_sent else in_force,
            default=_default(name) or "none",
            errors=[str(error) for error in self.errors.get(name, [])] if self.is_bound else [],
            is_fixed=name in self.fixed,
            is_limit=name in LIMITS,
            choices=CHOICES.get(name, ()),
        )

    def _value(self, name: str) -> str | None:
        return str(self.data.get(name, "")).strip() or _default(name)


def as_text(value: Any) -> str | None:
    """A setting as it stands in its field: numbers without an exponent, hours as 22:00, yes and no for a switch."""
    match value:
        case None:
            return None
        case bool():
            return "yes" if value else "no"
        case time():
            return f"{value:%H:%M}"
        case float():
            return f"{value:g}"
    return str(value)


def _default(name: str) -> str | None:
    return as_text(Configuration.model_fields[name].default)
