from argparse import ArgumentParser
from typing import Any

from labeling import configuration
from labeling.management.base import BadInput, Door
from labeling.outgoing import go_round, trying
from labeling.outgoing.receivers import shown


class Command(Door):
    help = (
        "Look for alarms, finished nights and done uploads, and deliver what is due: for installations without "
        "workers, from cron each minute. With --test send a test to every address that is set."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--test", action="store_true", help="send a test, and say of each address if it arrived")

    def run(self, *, test: bool, **options: Any) -> dict[str, Any]:
        return self._test() if test else {"delivered": go_round(configuration.load())}

    def _test(self) -> dict[str, Any]:
        sent = trying.deliver_test(trying.make_test("notify"))
        if not sent:
            raise BadInput(f"No address is set. These variables set one: {'; '.join(s.variables for s in shown())}.")
        for notice in sent:
            self.say(f"{notice.receiver_kind}: {'arrived' if notice.delivered_at else notice.last_error}")
        arrived = sum(notice.delivered_at is not None for notice in sent)
        self.exit_code = 0 if arrived == len(sent) else 1
        return {"tests": len(sent), "arrived": arrived}
