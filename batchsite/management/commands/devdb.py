"""The embedded PostgreSQL by hand: whether it runs, start it, stop it."""

import json
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError

from batchsite.embedded_postgres import server


class Command(BaseCommand):
    help = "Starts, stops or describes the embedded PostgreSQL of this installation."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=["start", "stop", "status"])
        parser.add_argument("--force", action="store_true", help="stop even if others are connected")

    def handle(self, *args: Any, action: str, force: bool, **options: Any) -> None:
        database = settings.DATABASES["default"]
        if "EMBEDDED_DATA" not in database:
            raise CommandError("DATABASE_URL is set, so Nightshift does not use the embedded PostgreSQL.", returncode=2)
        data = database["EMBEDDED_DATA"]
        try:
            if action == "start":
                server.ensure(data, database["EMBEDDED_DATABASE"])
            elif action == "stop" and not server.stop(data, even_if_connected=force):
                raise CommandError("Others are connected to the embedded PostgreSQL; --force stops it all the same.")
            status = server.status(data)
        except server.ServerFault as fault:
            raise CommandError(str(fault)) from fault
        self.stdout.write(json.dumps({"running": status.running, "pid": status.pid, "clients": status.clients}))
