from argparse import ArgumentParser
from typing import Any

from labeling.health import status
from labeling.management.base import Door


class Command(Door):
    help = "The dashboard's numbers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="only the JSON line")

    def run(self, *, json: bool, **options: Any) -> dict[str, Any]:
        numbers = status.status()
        if not json:
            self._tell(numbers)
        return numbers

    def _tell(self, numbers: dict[str, Any]) -> None:
        self.say("Documents: " + ", ".join(f"{n:,} {state}" for state, n in numbers["documents"].items()))
        self.say("Batches: " + (", ".join(f"{n} {state}" for state, n in numbers["batches"].items() if n) or "none"))
        money = numbers["money"]
        self.say(f"Paid {money['paid_usd']} USD of {money['list_usd']} USD, saved {money['saved_usd']} USD.")
        wrong = [identity["name"] for identity in numbers["ledger"] if not identity["holds"]]
        self.say("The book balances." if not wrong else f"THE BOOK DOES NOT BALANCE: {'; '.join(wrong)}")
        for trouble in numbers["troubles"]:
            self.say(trouble["sentence"])
