"""What a person decides about leaving: try a few first, and send now with thirty seconds to think again."""

from django.db import models
from django.db.models import Q

from labeling.querysets import SendOrderQuerySet
from labeling.states import OrderState, TrialDecision, Way


class Trial(models.Model):
    """Some random documents of an upload are sent in real time; the upload holds the others until a person decides."""

    upload = models.ForeignKey("Upload", on_delete=models.CASCADE, related_name="trials")
    version = models.ForeignKey("LabelingTaskVersion", on_delete=models.CASCADE, related_name="trials")
    wanted = models.PositiveSmallIntegerField(help_text="How many documents are to be tried")
    started_at = models.DateTimeField()
    started_by = models.CharField(max_length=150)
    chosen_at = models.DateTimeField(null=True, blank=True, help_text="When the documents were chosen, once")
    decision = models.CharField(max_length=10, choices=TrialDecision.choices(), blank=True, db_default="")
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=150, blank=True, db_default="")

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("upload",), name="one_open_trial_per_upload", condition=Q(decision="")),
            models.CheckConstraint(
                condition=Q(decision="", decided_at__isnull=True) | Q(decision__gt="", decided_at__isnull=False),
                name="trial_decided_iff_stamped",
            ),
            models.CheckConstraint(condition=Q(wanted__gte=1, wanted__lte=100), name="trial_of_1_to_100"),
        )

    def __str__(self) -> str:
        return f"trial of U-{self.upload_id}"


class TrialDocument(models.Model):
    """A document that is tried: its upload's hold lets it through."""

    document = models.OneToOneField("Document", on_delete=models.CASCADE, primary_key=True, db_constraint=False)
    trial = models.ForeignKey(Trial, on_delete=models.CASCADE, related_name="chosen")

    def __str__(self) -> str:
        return f"D-{self.document_id} in {self.trial_id}"


class SendOrder(models.Model):
    """A person said *send now*: carried out when its time has come, and until then taken back without a trace.

    Of an upload, or of everything of a labeling task that waits for tonight.
    """

    upload = models.ForeignKey("Upload", on_delete=models.CASCADE, null=True, blank=True, related_name="send_orders")
    task = models.ForeignKey(
        "LabelingTask", on_delete=models.CASCADE, null=True, blank=True, related_name="send_orders"
    )
    way = models.CharField(max_length=8, choices=Way.choices())
    state = models.CharField(max_length=8, choices=OrderState.choices(), default=OrderState.PENDING)
    ordered_at = models.DateTimeField()
    ordered_by = models.CharField(max_length=150)
    leaves_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.CharField(max_length=150, blank=True, db_default="")
    documents = models.PositiveIntegerField(default=0, help_text="How many changed their way when it was carried out")

    objects = SendOrderQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("upload",), name="one_send_order_per_upload", condition=Q(state=OrderState.PENDING)
            ),
            models.UniqueConstraint(
                fields=("task",), name="one_send_order_per_task", condition=Q(state=OrderState.PENDING)
            ),
            models.CheckConstraint(
                condition=Q(upload__isnull=True, task__isnull=False) | Q(upload__isnull=False, task__isnull=True),
                name="send_order_of_an_upload_or_a_task",
            ),
        )

    def __str__(self) -> str:
        return f"send {self.task or self.upload} {self.way}: {self.state}"
