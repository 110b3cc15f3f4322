from argparse import ArgumentParser
from typing import Any

from labeling import configuration
from labeling.after_restore import unsettled
from labeling.management.base import Door
from labeling.pipeline.release import NotSettled, settle
from labeling.waking import wake


class Command(Door):
    help = "After a restore: let documents go that were found in no Message Batch, and everything leaves again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("documents", type=int, help="how many wait: `status --json` has it as restored.waiting")

    def run(self, *, documents: int, **options: Any) -> dict[str, Any]:
        restoration = unsettled()
        if restoration is None:
            self.say("No restored backup waits to be settled.")
            return {"settled": False, "released": 0}
        try:
            settle(restoration, configuration.load(), documents=documents, by="settle_restore")
        except NotSettled as refusal:
            self.say(str(refusal))
            self.exit_code = 1
            return {"settled": False, "released": 0}
        wake()
        self.say(f"Settled: everything leaves again, {documents:,} documents that were found in no batch too.")
        return {"settled": True, "released": documents}
