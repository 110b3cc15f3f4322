"""What a file was found to hold before anything of it was queued, and what it was estimated to cost."""

from django.db import models

from labeling.states import Basis

from .batches import USD


class UploadEstimate(models.Model):
    """Rows and bytes counted by a worker, a sample counted by the API, and the price that a person agreed to."""

    upload = models.OneToOneField("Upload", on_delete=models.CASCADE, primary_key=True, related_name="estimate")
    counted_at = models.DateTimeField()
    rows = models.PositiveIntegerField()
    is_whole = models.BooleanField(help_text="Every row was read; else the time was over and there are more")
    documents = models.PositiveIntegerField(help_text="Rows that can become documents, copies included")
    problems = models.JSONField(
        db_default={}, help_text="Rows that will be refused: reason to their number and the first lines"
    )
    text_bytes = models.PositiveBigIntegerField(help_text="Length of their texts as JSON strings")
    sampled = models.PositiveIntegerField(help_text="Texts whose tokens the API counted")
    sample_bytes = models.PositiveBigIntegerField()
    sample_tokens = models.PositiveBigIntegerField()
    trouble = models.TextField(blank=True, help_text="Why the API counted nothing")

    # As it stood when a person said: import it. At real-time prices.
    estimated_at = models.DateTimeField(null=True, blank=True)
    basis = models.CharField(max_length=8, choices=Basis.choices(), blank=True)
    list_usd = models.DecimalField(**USD, null=True, blank=True, help_text="Empty: the price or the answers unknown")
    low_usd = models.DecimalField(**USD, null=True, blank=True)
    high_usd = models.DecimalField(**USD, null=True, blank=True)

    def __str__(self) -> str:
        return f"estimate of U-{self.upload_id}"
