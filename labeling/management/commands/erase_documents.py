from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from labeling import configuration
from labeling.management.base import BadInput, Door
from labeling.pipeline.bulk import NothingChosen, paste
from labeling.pipeline.erase import NotErased, carry_out_one, erase_selection


class Command(Door):
    help = (
        "Erase documents by a list of ids, one in a line: external ids, D-123, custom_ids. Nobody can bring them back."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="ids, one in a line: external ids, D-123, custom_ids")
        parser.add_argument("--reason", required=True)
        parser.add_argument("--documents", type=int, help="how many documents these are; without it they are counted")
        parser.add_argument("--with-copies", action="store_true", help="others with the same texts, too")

    def run(
        self, *, file: Path, reason: str, documents: int | None, with_copies: bool, **options: Any
    ) -> dict[str, Any]:
        try:
            selection = paste(file.read_text(), by="erase_documents")
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(f"{file} cannot be read: {error}.") from error
        except NothingChosen as refusal:
            raise BadInput(str(refusal)) from refusal
        found = {"documents": selection.documents, "unknown_ids": selection.unknown}
        if documents != selection.documents:
            self.say(
                f"These are {selection.documents:,} documents. To erase them, say --documents {selection.documents}"
            )
            self.exit_code = 1
            return {"erased": 0, **found}
        try:
            erasure = erase_selection(
                selection, configuration.load(), by="erase_documents", reason=reason, with_copies=with_copies
            )
        except NotErased as refusal:
            self.say(str(refusal))
            self.exit_code = 1
            return {"erased": 0, **found}
        carry_out_one(erasure, configuration.load())
        if erasure.done_at is None:
            self.say("Some are in flight: booked without their words when their results come.")
        return {"erased": erasure.documents, **found}
