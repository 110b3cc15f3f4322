"""A change of settings: all of it or nothing, and only on what its author has seen."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import connection

from labeling.models import Setting


class SeenIsOld(Exception):
    """Somebody changed the settings after they were shown."""


def stand(keys: Iterable[str]) -> str:
    """A digest of the rows of these settings: it differs as soon as one of them was changed."""
    rows = sorted(Setting.objects.filter(key__in=list(keys)).values_list("key", "value"))
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]


def change(values: Mapping[str, Any], *, keys: Iterable[str], seen: str, by: str) -> None:
    """Inside a transaction. None takes a row away, so the default counts again. Raises SeenIsOld."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('nightshift settings', 0))")
    if stand(keys) != seen:
        raise SeenIsOld
    for key, value in values.items():
        if value is None:
            Setting.objects.filter(key=key).delete()
        else:
            Setting.objects.update_or_create(key=key, defaults={"value": value, "updated_by": by})


def choose_first(key: str, value: Any, *, by: str) -> bool:
    """The first choice of a setting; False if somebody has chosen already."""
    _, chosen = Setting.objects.get_or_create(key=key, defaults={"value": value, "updated_by": by})
    return chosen
