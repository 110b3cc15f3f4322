"""What must exist before anything runs: laid after every migrate, harmless to repeat."""

from typing import Any

from django.apps import apps
from django.db import connections, transaction
from django.utils import timezone

SCHEDULES: tuple[dict[str, Any], ...] = (
    {"name": "nightshift tick", "func": "labeling.tasks.tick", "minutes": 1, "cluster": "ticks"},
    {"name": "nightshift recover", "func": "labeling.tasks.recover", "minutes": 3, "cluster": "ticks"},
    {"name": "nightshift ledger", "func": "labeling.tasks.ledger", "minutes": 5, "cluster": "ticks"},
    {"name": "nightshift outgoing", "func": "labeling.tasks.outgoing", "minutes": 1, "cluster": "ticks"},
    {"name": "nightshift models", "func": "labeling.tasks.list_models", "minutes": 15, "cluster": "bulk"},
    {"name": "nightshift retention", "func": "labeling.tasks.retention", "minutes": 30, "cluster": "ticks"},
    {"name": "nightshift prune", "func": "labeling.tasks.prune", "minutes": 1440, "cluster": "ticks"},
    *(
        {"name": f"nightshift beat {queue}", "func": "labeling.tasks.beat", "args": f"'{queue}'", "minutes": 1}
        | {"cluster": queue}
        for queue in ("ticks", "bulk", "urgent")
    ),
)
"""Schedules only tick: they decide nothing, each run looks at the rows. Minutes; all on queues of their own."""

_WHATEVER_ELSE: dict[str, Any] = {
    "schedule_type": "I",
    "repeats": -1,
    **dict.fromkeys(("args", "kwargs", "hook", "intended_date_kwarg", "cron")),
}
"""Written too, because one row that cannot be read stops all schedules of its cluster."""

ROLES = {
    "viewer": ("view",),
    "operator": ("view", "operate"),
    "admin": ("view", "operate", "administer"),
}


def lay_foundations(using: str = "default", **_: Any) -> None:
    """Schedules, gates, groups and known prices; one process at a time."""
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('nightshift foundations', 0))")
        tables = connections[using].introspection.table_names()
        if "django_q_schedule" in tables:
            _ensure_schedules()
        if "labeling_gate" in tables:
            _ensure_gates_and_prices()
        if "auth_permission" in tables and "labeling_gate" in tables:
            _ensure_roles()


def _ensure_schedules() -> None:
    schedule = apps.get_model("django_q", "Schedule")
    for spec in SCHEDULES:
        values = {**_WHATEVER_ELSE, **spec}
        rows = schedule.objects.filter(name=values.pop("name")).order_by("pk")
        # The table allows a name twice, and a row without its time never runs.
        schedule.objects.filter(pk__in=list(rows.values_list("pk", flat=True)[1:])).delete()
        rows.filter(next_run=None).update(next_run=timezone.now())
        schedule.objects.update_or_create(name=spec["name"], defaults=values)


def _ensure_gates_and_prices() -> None:
    from labeling.models import ModelPrice
    from labeling.money.pricing import SEED_PRICES
    from labeling.transitions.gates import ensure_gates

    ensure_gates()
    for price in SEED_PRICES:
        ModelPrice.objects.get_or_create(
            model=price.model,
            effective_from=price.effective_from,
            above_prompt_tokens=price.above_prompt_tokens,
            defaults={
                "input": price.input,
                "output": price.output,
                "cache_write_5m": price.cache_write_5m,
                "cache_write_1h": price.cache_write_1h,
                "cache_read": price.cache_read,
                "source": "shipped with Nightshift",
            },
        )


def _ensure_roles() -> None:
    """The groups viewer, operator and admin with the three permissions that every door checks."""
    from django.contrib.auth.models import Group, Permission
    from django.contrib.contenttypes.models import ContentType

    from labeling.models import Activity

    # A flush in this process has emptied the table, and not what the process remembers of it.
    ContentType.objects.clear_cache()
    content_type = ContentType.objects.get_for_model(Activity)
    permissions = {
        word: Permission.objects.get_or_create(
            codename=word, content_type=content_type, defaults={"name": f"Can {word} Nightshift"}
        )[0]
        for word in ROLES["admin"]
    }
    for role, words in ROLES.items():
        group, _ = Group.objects.get_or_create(name=role)
        group.permissions.add(*(permissions[word] for word in words))
    admin = Group.objects.get(name="admin")
    admin.permissions.add(*Permission.objects.filter(content_type__app_label__in=("labeling", "auth")))
