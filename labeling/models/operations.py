"""How the house runs: settings, gates, heartbeats, who did what, and whether the book balances."""

from django.conf import settings
from django.db import models

from labeling.querysets import UnfinishedWorkQuerySet
from labeling.states import Work


class Setting(models.Model):
    """A value that operators changed in the product; labeling/configuration.py gives it its meaning."""

    key = models.CharField(primary_key=True, max_length=60)
    value = models.JSONField()
    updated_at = models.DateTimeField(auto_now=True)
    updated_by = models.CharField(max_length=150, blank=True)

    def __str__(self) -> str:
        return self.key


class Gate(models.Model):
    """Where sending can be closed: the row without a task is the gate of everything.

    Whoever claims a create or an urgent call reads the gates in the same statement and locks them,
    so nothing is claimed after a gate has closed.
    """

    task = models.OneToOneField("LabelingTask", on_delete=models.CASCADE, null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.CharField(max_length=150, blank=True)
    kind = models.CharField(
        max_length=12, blank=True, choices=[(k, k) for k in ("person", "refusal", "canary", "restore")]
    )
    reason = models.TextField(blank=True)
    until = models.DateTimeField(null=True, blank=True, help_text="Opens by itself then; empty: when a person opens it")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("task",), name="gate_once_per_scope", nulls_distinct=False),
            models.CheckConstraint(
                condition=models.Q(closed_at__isnull=True, kind="") | models.Q(closed_at__isnull=False, kind__gt=""),
                name="gate_closed_has_a_kind",
            ),
        )

    def __str__(self) -> str:
        scope = f"task {self.task}" if self.task_id else "everything"
        return f"{scope}: {'closed' if self.closed_at else 'open'}"


class Heartbeat(models.Model):
    """The last sign of a worker of a queue, written by the worker itself."""

    queue = models.CharField(max_length=20)
    host = models.CharField(max_length=120)
    beaten_at = models.DateTimeField()
    doing = models.CharField(max_length=120, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("queue", "host"), name="heartbeat_once_per_queue_and_host"),)

    def __str__(self) -> str:
        return f"{self.queue} on {self.host}"


class Activity(models.Model):
    """Who did what, when: appended, never changed."""

    at = models.DateTimeField(auto_now_add=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    by = models.CharField(max_length=150, help_text="User name, or the worker or command")
    sentence = models.TextField()
    subject = models.CharField(max_length=60, blank=True, help_text="For example U-12, B-1041, task:invoices")
    detail = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ("-id",)
        verbose_name_plural = "activity"
        indexes = (models.Index(fields=("subject", "id"), name="activity_subject"),)

    def __str__(self) -> str:
        return self.sentence


class Taken(models.Model):
    """A need of the first page that one person has in hand: others see who, since when, and a note.

    The row is made by the one who came first and deleted when it is given back or the need is gone.
    """

    key = models.CharField(max_length=200, unique=True, help_text="Which need, for example doubt--B-12")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    by = models.CharField(max_length=150)
    note = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "taken needs"

    def __str__(self) -> str:
        return f"{self.key}: {self.by}"


class UnfinishedWork(models.Model):
    """Work on a row that began and did not come back yet: it is under way, or it ended its worker.

    The row is made before the work and deleted when the work comes back, so what stays counts dead workers.
    """

    work = models.CharField(max_length=12, choices=Work.choices())
    row_id = models.BigIntegerField(help_text="Number of the row that is worked on")
    tries = models.PositiveSmallIntegerField(help_text="Workers that began with it and did not come back")
    last_at = models.DateTimeField(help_text="When the last of them began")

    objects = UnfinishedWorkQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "unfinished work"
        constraints = (models.UniqueConstraint(fields=("work", "row_id"), name="unfinished_work_once"),)

    def __str__(self) -> str:
        return Work(self.work).sentence.format(self.row_id)

    @property
    def subject(self) -> str:
        return f"{self.work}:{self.row_id}"

    @property
    def stands_still(self) -> str:
        return f"{self} ended its worker {self.tries} times and was set aside."


class LedgerCheck(models.Model):
    """What the recomputation of the book found: each identity with both sides."""

    checked_at = models.DateTimeField(auto_now_add=True)
    holds = models.BooleanField()
    identities = models.JSONField()

    class Meta:
        ordering = ("-id",)
        get_latest_by = "id"

    def __str__(self) -> str:
        return f"{self.checked_at:%Y-%m-%d %H:%M}: {'balances' if self.holds else 'does not balance'}"
