"""What all operator commands share: a JSON summary as the last line of standard output, words on standard error."""

import json
import math
from argparse import ArgumentTypeError
from collections.abc import Callable
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError


def seconds(text: str) -> float:
    """The type of an option: more than nothing, and not without end."""
    try:
        found = float(text)
    except ValueError:
        found = 0
    if not (math.isfinite(found) and found > 0):
        raise ArgumentTypeError(f"{text} is no number of seconds.")
    return found


def count(text: str) -> int:
    """The type of an option: a whole number, at least 1."""
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text)):
        raise ArgumentTypeError(f"{text} is no number from 1 on.")
    return int(text)


class BadInput(CommandError):
    """Nothing could be done with the input: exit code 2. The message is a sentence for a person."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, returncode=2)


class Door(BaseCommand):
    """A command parses, calls one function and reports; `run` returns the summary and sets `exit_code`."""

    requires_system_checks: list[str] = []
    exit_code = 0
    _from_the_shell = False

    def run_from_argv(self, argv: list[str]) -> None:
        self._from_the_shell = True
        super().run_from_argv(argv)

    run: Callable[..., dict[str, Any]]

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            summary = self._run(**options)
        except BadInput as refusal:
            if not self._from_the_shell:
                raise
            # Django would put the name of the class before the sentence.
            self.say(str(refusal))
            raise SystemExit(refusal.returncode) from None
        self.stdout.write(json.dumps(summary, ensure_ascii=False, default=str))
        if self.exit_code:
            self.stdout.flush()
            raise SystemExit(self.exit_code)

    def _run(self, **options: Any) -> dict[str, Any]:
        try:
            return self.run(**options)
        except ImproperlyConfigured as error:
            raise BadInput(str(error)) from error

    def say(self, sentence: str) -> None:
        """Human words, and progress, on standard error."""
        self.stderr.write(sentence, self.style.NOTICE if self.stderr.isatty() else None)
