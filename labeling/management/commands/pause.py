from argparse import ArgumentParser
from typing import Any

from labeling.management.base import BadInput, Door
from labeling.pipeline import pausing


class Command(Door):
    help = "Nothing leaves any more until `resume`; polls and ingest go on."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--reason", required=True)

    def run(self, *, reason: str, **options: Any) -> dict[str, Any]:
        if not reason.strip():
            raise BadInput("A pause needs a reason that tells the others why.")
        paused = pausing.pause_everything(by="pause", reason=reason.strip())
        self.say("Paused." if paused.changed else "It was paused already.")
        for name in paused.claimed:
            self.say(f"{name} was claimed before and may still leave.")
        return {"paused": True, "changed": paused.changed, "claimed_before": paused.claimed}
