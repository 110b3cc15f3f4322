"""Runs a management command so that a person reads sentences: stack traces go to the log, never to standard error."""

import logging
import os
import sys
import threading
import traceback
from pathlib import Path

from django.core.management import CommandError, execute_from_command_line

from batchsite.addresses import read_addresses
from batchsite.environment import EnvironmentFault, read_environment
from batchsite.logs import CommandLog, RedactingFormatter, command_log_path, redacted


def run(argv: list[str]) -> int:
    """The exit code: the command's own, 2 for an unusable environment, 1 for what nobody foresaw."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "batchsite.settings")
    threading.excepthook = _thread_failed
    try:
        read_environment()
        execute_from_command_line(argv)
    except EnvironmentFault as fault:
        print(fault, file=sys.stderr)
        return 2
    except CommandError as error:  # only with --traceback: else Django has printed it and left
        report_failure(error)
        return error.returncode
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # the last one who can keep a stack trace from a person
        report_failure(error)
        return 1
    return 0


def report_failure(error: BaseException) -> None:
    """The stack trace into the log, one sentence on standard error, no secret in either."""
    secrets, path = _known_secrets(), _log(error)
    first_line = (str(error).strip().splitlines() or [""])[0]
    where = f" The details are in {path}." if path else ""
    print(redacted(f"{type(error).__name__}: {first_line.rstrip('.')}.{where}", secrets), file=sys.stderr)


def _log(error: BaseException) -> Path | None:
    """Writes beside Django's logging, which a failure before or inside it leaves unusable."""
    try:
        path = command_log_path(read_environment().home)
        handler = CommandLog(path)
        handler.setFormatter(RedactingFormatter(_known_secrets()))
        record = logging.LogRecord(
            "batchsite.command_line", logging.ERROR, __file__, 0, "%s", (" ".join(sys.argv[1:2]),), None
        )
        record.exc_text = "".join(traceback.format_exception(error))
        handler.emit(record)
        handler.close()
    except (OSError, EnvironmentFault):
        return None
    return path if path.exists() else None


def _known_secrets() -> list[str]:
    try:
        return [*read_environment().secrets, *read_addresses().secrets]
    except EnvironmentFault:
        return []


def _thread_failed(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None:
        report_failure(args.exc_value)
