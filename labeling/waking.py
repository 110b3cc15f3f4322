"""Let a worker look at once instead of within the minute, because there is something to do."""

from django.utils import timezone
from django_q.models import OrmQ
from django_q.tasks import async_task

TICKS = "ticks"
ENOUGH = 5
"""More waiting ticks than these would only look again at what the first has seen."""


def wake_outgoing() -> None:
    """Let a worker deliver at once what was just made."""
    if OrmQ.objects.filter(key=TICKS, lock__lte=timezone.now()).count() <= ENOUGH:
        async_task("labeling.tasks.outgoing", cluster=TICKS)


def wake() -> None:
    if OrmQ.objects.filter(key=TICKS, lock__lte=timezone.now()).count() <= ENOUGH:
        async_task("labeling.tasks.tick", cluster=TICKS)


def wake_eraser() -> None:
    """What is to be erased begins to go at once; `recover` asks again for whatever is left."""
    async_task("labeling.tasks.erase", cluster="bulk")
