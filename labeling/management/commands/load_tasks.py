from argparse import ArgumentParser
from collections import Counter
from pathlib import Path
from typing import Any

from django.db import transaction

from labeling.management import task_files
from labeling.management.base import BadInput, Door
from labeling.management.task_files import TaskFileRefused
from labeling.pipeline.define import Defined, SpecRefused, define


class Command(Door):
    help = "Create labeling tasks from a TOML file; a changed one becomes a new version, in use at once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)

    def run(self, *, file: Path, **options: Any) -> dict[str, Any]:
        try:
            definitions = task_files.read(file)
            with transaction.atomic():
                defined = [define(definition, by="load_tasks") for definition in definitions]
        except (TaskFileRefused, SpecRefused) as refusal:
            raise BadInput(str(refusal)) from refusal
        for outcome in defined:
            self.say(f"{outcome.version}: {outcome.what}")
        counts = Counter(outcome.what for outcome in defined)
        return {
            **{what.value: counts[what] for what in Defined},
            "waiting_on_old": sum(d.waiting_on_old for d in defined),
        }
