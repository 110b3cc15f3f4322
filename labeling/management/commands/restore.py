from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from labeling.management.base import BadInput, Door
from labeling.vault.archive import BackupRefused
from labeling.vault.restore import PlaceRefused, restore, user_of_this_machine


class Command(Door):
    help = "A backup becomes this installation, whole or not at all. Nothing leaves until an admin has settled it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="a file that `backup` wrote")
        parser.add_argument(
            "--replace", metavar="DATABASE", help="replace what is here: the name of this installation's database"
        )

    def run(self, *, file: Path, replace: str | None, **options: Any) -> dict[str, Any]:
        try:
            done = restore(file, replace=replace, by=user_of_this_machine(), say=self.say)
        except OSError as error:
            raise BadInput(f"{file} cannot be restored: {error.strerror or error}. Nothing was changed.") from error
        except BackupRefused as refusal:
            raise BadInput(f"{refusal} Nothing was changed.") from refusal
        except PlaceRefused as refusal:
            self.say(str(refusal))
            self.exit_code = 1
            return {"restored": False}
        made_at = done.restoration.backup_made_at
        self.say(f"Restored as of {made_at:%Y-%m-%d %H:%M} UTC. Everybody has to sign in again.")
        self.say(
            "Nothing leaves: start Nightshift, let it look up what left since then, and settle the rest under Restored."
        )
        if not done.balances:
            self.say("The book does not balance: run `python manage.py doctor`.")
            self.exit_code = 1
        return {
            "restored": True,
            "made_at": made_at.isoformat(),
            "rows": done.rows,
            "files": done.files,
            "unclear": done.restoration.unclear,
            "balances": done.balances,
        }
