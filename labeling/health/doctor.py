"""Is everything in order? One sentence for each fault, and what to do about it."""

from collections.abc import Callable, Iterator

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from django_q.models import Schedule

from batchsite.api_address import ApiAddressRefused, api_address
from labeling import configuration, ledger
from labeling.foundations import SCHEDULES
from labeling.health.troubles import troubles
from labeling.models import LabelingTask, ModelPrice


def examine() -> list[str]:
    """The faults that were found; empty when all is well. Never raises for a fault."""
    faults = list(_database())
    if faults:
        return faults
    return [fault for check in _CHECKS for fault in check()]


def _database() -> Iterator[str]:
    try:
        connection.ensure_connection()
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            yield "The database lacks migrations: run `python manage.py migrate`."
    except DatabaseError as error:
        yield f"The database does not answer: {str(error).strip().splitlines()[0]}"


def _key() -> Iterator[str]:
    try:
        address = api_address()
    except ApiAddressRefused as error:
        yield str(error)
        return
    if not address.is_sandbox and not (address.api_key or address.auth_token):
        yield "There is no API key: set ANTHROPIC_API_KEY."


def _prices() -> Iterator[str]:
    models = set(LabelingTask.objects.exclude(version_in_use=None).values_list("version_in_use__model", flat=True))
    for model in sorted(models - set(ModelPrice.objects.values_list("model", flat=True))):
        yield f"The price of {model} is not known: add it in the admin, under model prices."


def _schedules() -> Iterator[str]:
    found = set(Schedule.objects.values_list("name", "func", "cluster"))
    wanted = {(spec["name"], spec["func"], spec["cluster"]) for spec in SCHEDULES}
    for name, *_ in sorted(wanted - found):
        yield f"The schedule {name!r} is missing or was changed: run `python manage.py migrate`."
    for schedule in Schedule.objects.exclude(name__in=[spec["name"] for spec in SCHEDULES]):
        yield f"The schedule {schedule.name!r} is not ours; a broken one stops all others."


def _troubles() -> Iterator[str]:
    for trouble in troubles(configuration.load(), timezone.now()):
        yield trouble.sentence


def _book() -> Iterator[str]:
    for identity in ledger.identities():
        if not identity.holds:
            yield f"The book does not balance: {identity.name}, but {identity.left} is not {identity.right}."
    for row in ledger.unbalanced():
        yield f"The book does not balance: {row.sentence}"


_CHECKS: tuple[Callable[[], Iterator[str]], ...] = (_troubles, _key, _prices, _schedules, _book)
