from argparse import ArgumentParser
from typing import Any

from batchsite.sandbox import SandboxFault, ensure_sandbox
from labeling import configuration, counts
from labeling.management.base import Door, seconds
from labeling.pipeline import conductor
from labeling.states import DocumentState


class Command(Door):
    help = "Build, submit, poll, ingest, urgent, recover in this process; no cluster needed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--until-idle", action="store_true", help="until nothing is queued or in flight")
        parser.add_argument("--timeout", type=seconds, metavar="SECONDS", help="with --until-idle: stop after this")

    def run(self, *, until_idle: bool, timeout: float | None, **options: Any) -> dict[str, Any]:
        settings = configuration.load()
        try:
            with ensure_sandbox():
                if until_idle:
                    self._until_idle(settings, timeout)
                else:
                    conductor.run_pass(settings)
        except SandboxFault as fault:
            self.say(str(fault))
            self.exit_code = 1
        states = counts.documents_by_state()
        return {state.value: states[state] for state in DocumentState}

    def _until_idle(self, settings: configuration.Configuration, timeout: float | None) -> None:
        report = conductor.run_until_idle(settings, timeout=timeout, say=self.say)
        for sentence in report.sentences:
            self.say(sentence)
        self.exit_code = int(report.ending)
