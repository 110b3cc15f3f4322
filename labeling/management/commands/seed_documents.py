from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from labeling.management.base import BadInput, Door, count
from labeling.seeding import SeedingRefused, seed


class Command(Door):
    help = "Fill an empty sandbox with make-believe documents, batches and results, to measure pages or look at them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--documents", type=count, default=200_000)
        parser.add_argument("--batches", type=count, default=200)

    def run(self, *, documents: int, batches: int, **options: Any) -> dict[str, Any]:
        try:
            seeded = seed(documents, batches)
        except SeedingRefused as refusal:
            raise BadInput(str(refusal)) from refusal
        self.exit_code = 0 if seeded.balances else 1
        return asdict(seeded)
