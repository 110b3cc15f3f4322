"""The Models API -> ListedModel: which models there are, and where each stands in its life.

Asked every few hours at the most. An API that does not answer changes nothing: the rows stay, and pages say how old
they are.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.dateparse import parse_datetime

from labeling import batch_api
from labeling.batch_api import ApiError, ModelInfo
from labeling.models import ListedModel, Setting

EVERY = timedelta(hours=6)
AFTER_A_FAILURE = timedelta(minutes=15)
STATE = "models_listed"
"""The row of settings that says when the API was asked, when it answered, and what went wrong since."""


def refresh(now: datetime) -> bool:
    """Ask for the list if it is due; True if it was read."""
    state = _state()
    asked_at, failed = parse_datetime(state.get("asked_at", "")), bool(state.get("error"))
    if asked_at and now - asked_at < (AFTER_A_FAILURE if failed else EVERY):
        return False
    try:
        found = batch_api.models()
    except ApiError as error:
        _remember(state | {"asked_at": now.isoformat(), "error": str(error)})
        return False
    if not found:
        _remember(state | {"asked_at": now.isoformat(), "error": "The API listed no model."})
        return False
    with transaction.atomic():
        store(found, now)
        _remember({"asked_at": now.isoformat(), "answered_at": now.isoformat(), "error": ""})
    return True


def store(found: Sequence[ModelInfo], now: datetime) -> None:
    """The rows say what the list says; who is not in it any more is kept and marked."""
    known = ListedModel.objects.in_bulk()
    for model in found:
        before = known.get(model.id)
        changed = before is not None and (before.lifecycle != model.lifecycle or not before.is_listed)
        fields: dict[str, Any] = {"lifecycle_changed_at": now} if changed else {}
        ListedModel.objects.update_or_create(
            id=model.id[:80],
            defaults={
                "display_name": model.display_name[:120],
                "lifecycle": model.lifecycle[:20],
                "deprecated_at": model.deprecated_at,
                "retires_at": model.retires_at,
                "max_input_tokens": model.max_input_tokens,
                "max_tokens": model.max_tokens,
                "batch": model.batch,
                "structured_outputs": model.structured_outputs,
                "is_listed": True,
                "seen_at": now,
                **fields,
            },
        )
    gone = ListedModel.objects.filter(is_listed=True).exclude(id__in=[model.id for model in found])
    gone.update(is_listed=False, lifecycle_changed_at=now)


def _state() -> dict[str, str]:
    row = Setting.objects.filter(key=STATE).first()
    return dict(row.value) if row else {}


def _remember(state: dict[str, str]) -> None:
    Setting.objects.update_or_create(key=STATE, defaults={"value": state, "updated_by": "models"})
