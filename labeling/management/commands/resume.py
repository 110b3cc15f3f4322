from argparse import ArgumentParser
from decimal import Decimal
from typing import Any

from django.utils import timezone

from labeling import configuration
from labeling.management.base import Door
from labeling.pipeline import pausing
from labeling.reports.resuming import resuming


class Command(Door):
    help = "Documents leave again: opens the gate of everything and those of single tasks."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what would leave, and its price")

    def run(self, *, dry_run: bool, **options: Any) -> dict[str, Any]:
        leaving = resuming(configuration.load(), timezone.now())
        self.say(leaving.sentence)
        resumed = [] if dry_run else self._resume()
        for sentence in resumed:
            self.say(sentence)
        price = leaving.price
        return {
            "paused": bool(pausing.closed_gates()),
            "changed": bool(resumed),
            "leaves": {
                "documents": leaving.documents,
                "at_once": leaving.documents - leaving.tonight,
                "tonight": leaving.tonight,
                "about_usd": _rounded(price.likely),
                "at_most_usd": _rounded(price.high),
            },
        }

    def _resume(self) -> list[str]:
        try:
            return pausing.resume_everything(by="resume")
        except pausing.NotResumed as refusal:
            self.say(str(refusal))
            self.exit_code = 1
            return []


def _rounded(estimate: Decimal | None) -> Decimal | None:
    """Nobody knows more of an estimate than this."""
    return None if estimate is None else round(estimate, 6)
