"""Hold a labeling task or an upload: for tonight, which ends by itself, or until a person releases it."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from labeling import activity, nights
from labeling.configuration import Configuration
from labeling.models import LabelingTask, Upload
from labeling.states import HoldKind
from labeling.transitions import gates, holds, withdrawing


def night_after_next(settings: Configuration, now: datetime) -> datetime:
    """When a hold for tonight ends: the next night is skipped, it leaves with the one after."""
    _, skipped = nights.next_due(now, settings.night, settings.zone)
    _, taken = nights.next_due(skipped + timedelta(seconds=1), settings.night, settings.zone)
    return taken


def hold_upload(upload: Upload, *, by: Any, reason: str, until: datetime | None) -> bool:
    """False if it is held already. What is in a batch that was not sent is taken out of it again."""
    with transaction.atomic():
        now = timezone.now()
        if not holds.hold(upload, HoldKind.PERSON, by=activity.name_of(by), now=now, until=until, reason=reason):
            return False
        withdrawing.take_apart(upload, by=activity.name_of(by), why=f"U-{upload.pk} is held")
        activity.record(by, f"Holds {upload.file_name} {_until(until)}: {reason}", f"U-{upload.pk}")
    return True


def release_upload(upload: Upload, *, by: Any) -> bool:
    with transaction.atomic():
        if not holds.release(upload, HoldKind.PERSON, now=timezone.now()):
            return False
        activity.record(by, f"{upload.file_name} leaves again", f"U-{upload.pk}")
    return True


def hold_task(task: LabelingTask, *, by: Any, reason: str, until: datetime | None) -> bool:
    """Closes the gate of the task; False if it is closed already. Released by resuming the task."""
    with transaction.atomic():
        if not gates.close_gate(task, by=activity.name_of(by), kind="person", reason=reason, until=until):
            return False
        activity.record(by, f"Holds {task} {_until(until)}: {reason}", f"task:{task.slug}")
    return True


def end_those_whose_time_is_over(now: datetime) -> int:
    """For a tick, before it builds: what was held for a night leaves with the next one."""
    return holds.end_those_whose_time_is_over(now) + gates.open_those_whose_time_is_over(now)


def _until(until: datetime | None) -> str:
    return f"until {until:%Y-%m-%d %H:%M} UTC" if until else "until released"
