"""What must be settled after a backup was restored, before anything may leave again."""

from django.db import models
from django.db.models import Q

from labeling.querysets import FoundBatchQuerySet
from labeling.states import Found

from .batches import Batch


class Restoration(models.Model):
    """A backup took the place of what was here. Until a person has settled it, nothing is sent."""

    backup_name = models.CharField(max_length=255)
    backup_made_at = models.DateTimeField()
    restored_at = models.DateTimeField()
    restored_by = models.CharField(max_length=150)
    listed_from = models.DateTimeField(help_text="Message Batches that were created from then on are looked at")
    listed_until = models.DateTimeField(help_text="What was created later was not sent by this installation")
    listed_at = models.DateTimeField(null=True, blank=True, help_text="When the API's list was last read to its end")
    unclear = models.PositiveIntegerField(
        default=0, help_text="Documents that waited or were on their way in real time, which nobody can look up"
    )
    note = models.TextField(blank=True, help_text="The last trouble, in a sentence")
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_by = models.CharField(max_length=150, blank=True)
    released = models.PositiveIntegerField(
        default=0, help_text="Documents that were found in no batch and that a person let go again"
    )

    class Meta:
        ordering = ("-id",)
        get_latest_by = "id"

    def __str__(self) -> str:
        return f"restored from {self.backup_name}"


class FoundBatch(models.Model):
    """A Message Batch that the API lists since the backup, and what became of it here."""

    restoration = models.ForeignKey(Restoration, on_delete=models.CASCADE, related_name="found")
    message_batch_id = models.CharField(max_length=80)
    created_at = models.DateTimeField(help_text="By the API's clock")
    requests = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=Found.choices(), default=Found.RUNNING)
    why = models.TextField(blank=True)
    batch = models.ForeignKey(Batch, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    lines = models.PositiveIntegerField(default=0)
    mapped = models.PositiveIntegerField(default=0, help_text="Lines that answer a document of the backup")
    unknown = models.PositiveIntegerField(default=0, help_text="Lines of documents that the backup does not know")
    unknown_paid_usd = models.DecimalField(
        max_digits=20, decimal_places=12, default=0, help_text="What those cost; in no other sum"
    )
    unknown_unpriced = models.PositiveIntegerField(default=0, help_text="Those of which nobody knows the price")
    tries = models.PositiveSmallIntegerField(default=0, help_text="Readings that brought fewer lines than requests")

    objects = FoundBatchQuerySet.as_manager()

    class Meta:
        ordering = ("created_at", "id")
        verbose_name_plural = "found batches"
        constraints = (
            models.UniqueConstraint(fields=("restoration", "message_batch_id"), name="found_once_per_restoration"),
            models.CheckConstraint(
                condition=~Q(state=Found.MAPPED) | Q(mapped=0) | Q(batch__isnull=False), name="found_mapped_has_a_batch"
            ),
        )

    def __str__(self) -> str:
        return f"{self.message_batch_id}: {self.state}"
