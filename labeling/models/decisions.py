"""What people try before they decide."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from labeling.states import FailureReason


class Tryout(models.Model):
    """A few documents of a decision, sent ahead in real time: what becomes of them says what the others would cost."""

    task = models.ForeignKey("LabelingTask", on_delete=models.CASCADE, related_name="tryouts")
    reason = models.CharField(max_length=20, choices=FailureReason.choices())
    version = models.ForeignKey("LabelingTaskVersion", on_delete=models.CASCADE, related_name="tryouts")
    documents = ArrayField(models.BigIntegerField(), help_text="Ids of the documents that were sent ahead")
    started_at = models.DateTimeField(auto_now_add=True)
    started_by = models.CharField(max_length=150)

    class Meta:
        ordering = ("-id",)
        indexes = (models.Index(fields=("task", "reason", "-id"), name="tryout_of_cause"),)

    def __str__(self) -> str:
        return f"tryout of {self.task} {self.reason}"
