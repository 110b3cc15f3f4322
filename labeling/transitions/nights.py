"""The one move of a night that no stage makes: it is complete."""

from datetime import datetime

from labeling.models import Night


def complete(night: Night, now: datetime) -> bool:
    """Once; False if it was complete already."""
    completed = Night.objects.filter(pk=night.pk, completed_at__isnull=True).update(completed_at=now)
    night.refresh_from_db()
    return bool(completed)
