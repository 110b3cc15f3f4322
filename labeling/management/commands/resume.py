from typing import Any

from labeling.management.base import Door
from labeling.pipeline import pausing


class Command(Door):
    help = "Documents leave again: opens the gate of everything and those of single tasks."

    def run(self, **options: Any) -> dict[str, Any]:
        resumed = pausing.resume_everything(by="resume")
        for sentence in resumed:
            self.say(sentence)
        return {"paused": False, "changed": bool(resumed)}
