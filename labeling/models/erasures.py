"""What was erased, by whom and why: the words are gone, the row of the act stays."""

from django.db import models
from django.db.models import Q

from labeling.states import ErasureKind


class Erasure(models.Model):
    """One act: of an upload, of a selection, or of the documents that point at it. A worker carries out large ones
    in portions."""

    kind = models.CharField(max_length=10, choices=ErasureKind.choices())
    upload = models.ForeignKey("Upload", on_delete=models.PROTECT, null=True, blank=True, related_name="erasures")
    selection = models.ForeignKey(
        "Selection", on_delete=models.SET_NULL, null=True, blank=True, related_name="erasures"
    )
    with_copies = models.BooleanField(db_default=False, help_text="Others with the same texts go with the selection")
    asked_at = models.DateTimeField()
    asked_by = models.CharField(max_length=150)
    reason = models.CharField(max_length=200)
    last_document = models.BigIntegerField(default=0, help_text="Documents up to here are erased")
    documents = models.PositiveIntegerField(default=0, help_text="Erased so far")
    done_at = models.DateTimeField(null=True, blank=True, help_text="When nothing of it was left to erase")

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("upload",), name="erased_once", condition=Q(upload__isnull=False)),
            models.UniqueConstraint(
                fields=("selection",), name="selection_erased_once", condition=Q(selection__isnull=False)
            ),
        )

    def __str__(self) -> str:
        return f"erased by {self.asked_by}: {self.reason}"
