"""django-q's own tables, to look at only.

Its own pages offer *resubmit*, which would repeat a paid call past every guard of ours, and let one
edit a schedule: a single broken schedule stops all of them. What must run again, our own rows decide.
"""

# Its pages must be there before they can be replaced: Django would load them after ours.
import django_q.admin  # noqa: F401
from django.contrib import admin
from django.utils.text import Truncator
from django_q.models import Failure, OrmQ, Schedule, Success, Task

from .base import LookAdmin

admin.site.unregister((Success, Failure, Schedule, OrmQ))


class RunAdmin(LookAdmin):
    """Arguments and results are pickled, so only the page of one run unpacks them."""

    list_display = ("name", "func", "cluster", "enqueued", "stopped", "attempt_count")
    ordering = ("-stopped",)
    search_fields = ("name",)

    @admin.display(description="enqueued")
    def enqueued(self, run: Task) -> object:
        """django-q calls it `started`; it is when the task was enqueued."""
        return run.started


@admin.register(Success)
class SuccessAdmin(RunAdmin):
    pass


@admin.register(Failure)
class FailureAdmin(RunAdmin):
    list_display = ("name", "func", "cluster", "enqueued", "stopped", "last_words")

    @admin.display(description="what it said")
    def last_words(self, run: Failure) -> str:
        return Truncator(str(run.result or "")).chars(200)


@admin.register(Schedule)
class ScheduleAdmin(LookAdmin):
    list_display = ("name", "func", "args", "schedule_type", "minutes", "cluster", "next_run")
    ordering = ("name",)


@admin.register(OrmQ)
class QueuedAdmin(LookAdmin):
    beside = ("name", "func", "task_id", "arguments")
    left_out = ("payload",)
    list_display = ("id", "key", "name", "func", "arguments", "lock")

    @admin.display(description="arguments")
    def arguments(self, queued: OrmQ) -> str:
        return str(queued.args() or "")
