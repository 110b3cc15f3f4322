from typing import Any

from labeling.health import doctor
from labeling.management.base import Door


class Command(Door):
    help = "Database, migrations, cluster, key, prices, schedules, disk, book: a sentence per fault."

    def run(self, **options: Any) -> dict[str, Any]:
        faults = doctor.examine()
        for fault in faults:
            self.say(fault)
        if not faults:
            self.say("All is well.")
        self.exit_code = 1 if faults else 0
        return {"faults": len(faults)}
