from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from labeling.management.base import BadInput, Door
from labeling.vault.archive import BackupRefused
from labeling.vault.backup import Backup, back_up, look_at


class Command(Door):
    help = "The whole installation, database and uploaded files, in one file; work goes on meanwhile."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, nargs="?", help="the backup to write")
        parser.add_argument("--verify", type=Path, metavar="FILE", help="only read a backup to its end")

    def run(self, *, file: Path | None, verify: Path | None, **options: Any) -> dict[str, Any]:
        if (file is None) == (verify is None):
            raise BadInput("Name the file to write, or one to --verify.")
        path = (file or verify or Path()).absolute()
        try:
            found = back_up(path, self.say) if file else look_at(path)
        except OSError as error:
            raise BadInput(f"{path} cannot be {'written' if file else 'read'}: {error.strerror or error}.") from error
        except BackupRefused as refusal:
            raise BadInput(str(refusal)) from refusal
        self._tell(path, found)
        return {
            "file": str(path),
            "made_at": found.made_at.isoformat(),
            "tables": found.tables,
            "rows": found.rows,
            "files": found.files,
            "missing_files": len(found.missing),
            "bytes": found.bytes,
        }

    def _tell(self, path: Path, found: Backup) -> None:
        self.say(
            f"{path} is whole: {found.rows:,} rows and {found.files:,} uploaded files of {found.made_at:%F %H:%M} UTC."
        )
        for sha256 in found.missing:
            self.say(
                f"The uploaded file {sha256} is not in the store, or is damaged there, so it is not in the backup."
            )
