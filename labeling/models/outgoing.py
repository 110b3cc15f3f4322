"""What goes out to people and to other programs: the events, and a row for each message until it was delivered."""

from django.db import models
from django.db.models import Q

from labeling.querysets import NoticeQuerySet
from labeling.states import NoticeKind


class Alarm(models.Model):
    """A trouble of labeling/health/troubles.py, from its first sight until it has stayed away for a while."""

    kind = models.CharField(max_length=40)
    subject = models.CharField(max_length=60, blank=True, help_text="For example B-1041, U-12, task:invoices")
    sentence = models.TextField(help_text="What was told: our own words, never those of a document")
    raised_at = models.DateTimeField(help_text="When a look first saw it")
    told_at = models.DateTimeField(null=True, blank=True, help_text="When a second look still saw it")
    seen_at = models.DateTimeField(help_text="The last look that saw the trouble")
    is_away = models.BooleanField(default=False, help_text="The last look did not see it; it may come back")
    returns = models.PositiveSmallIntegerField(default=0, help_text="How often it went and came back within a day")
    cleared_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("kind", "subject"), condition=Q(cleared_at__isnull=True), name="alarm_open_once"
            ),
        )

    def __str__(self) -> str:
        return f"A-{self.pk}"


class Notice(models.Model):
    """One message to one receiver. The row is the queue: whoever claims it has it for the time of its lease."""

    kind = models.CharField(max_length=10, choices=NoticeKind.choices())
    subject = models.CharField(max_length=60, help_text="What it is about: A-12, N-2026-11-22, U-5")
    receiver = models.CharField(max_length=60, help_text="Kind of the address, and a fingerprint; never the address")
    title = models.CharField(max_length=200, blank=True)
    body = models.TextField(blank=True)
    made_at = models.DateTimeField(auto_now_add=True)
    next_at = models.DateTimeField(help_text="Not before")
    lease_until = models.DateTimeField(null=True, blank=True, help_text="Until then a worker delivers it")
    tries = models.PositiveSmallIntegerField(default=0)
    last_error = models.CharField(max_length=300, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    given_up_at = models.DateTimeField(null=True, blank=True)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("subject", "kind", "receiver"), name="notice_once"),
            models.CheckConstraint(
                condition=Q(delivered_at__isnull=True) | Q(given_up_at__isnull=True), name="notice_ends_once"
            ),
        )
        indexes = (
            models.Index(
                fields=("next_at",),
                condition=Q(delivered_at__isnull=True, given_up_at__isnull=True),
                name="notice_due",
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.subject} to {self.receiver_kind}"

    @property
    def receiver_kind(self) -> str:
        return self.receiver.partition(":")[0]
