"""Documents that a person chose, frozen, so that what was seen is what is done."""

from django.conf import settings
from django.db import models
from django.utils.crypto import get_random_string

from labeling.querysets import BulkActQuerySet
from labeling.states import BulkKind, Way

KEY_LENGTH = 12


def new_key() -> str:
    return get_random_string(KEY_LENGTH)


class Selection(models.Model):
    """Documents under a key: ticked on a page, all that matched at one moment, or a pasted list of ids.

    The documents of a large one are noted by a worker; until then `frozen_at` is empty.
    """

    key = models.CharField(max_length=KEY_LENGTH, unique=True, default=new_key)
    title = models.CharField(max_length=400, help_text="What was asked for, in words")
    filters = models.JSONField(default=dict, help_text="The query of the page; empty for ticked or pasted ids")
    below = models.BigIntegerField(default=0, help_text="Only documents below this id: what came later was not seen")
    documents = models.PositiveIntegerField(default=0)
    unknown = models.PositiveIntegerField(default=0, help_text="Pasted ids that no document has")
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=150)
    frozen_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        indexes = (
            models.Index(fields=("id",), name="selection_not_frozen", condition=models.Q(frozen_at__isnull=True)),
        )

    def __str__(self) -> str:
        return f"selection {self.key}"


class SelectedDocument(models.Model):
    selection = models.ForeignKey(Selection, on_delete=models.CASCADE, db_constraint=False, db_index=False)
    document = models.ForeignKey("Document", on_delete=models.CASCADE, db_constraint=False, db_index=False)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("selection", "document"), name="selected_document_once"),)

    def __str__(self) -> str:
        return f"D-{self.document_id}"


class BulkAct(models.Model):
    """What is to be done with every document of a selection, piece by piece; it goes on where it stands."""

    selection = models.ForeignKey(Selection, on_delete=models.CASCADE, related_name="acts")
    kind = models.CharField(max_length=10, choices=BulkKind.choices())
    way = models.CharField(max_length=8, choices=Way.choices(), blank=True)
    version = models.ForeignKey(
        "LabelingTaskVersion",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Empty: the one in use of each task",
    )
    reason = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    by = models.CharField(max_length=150)
    done_to = models.BigIntegerField(default=0, help_text="Last document that was looked at")
    looked_at = models.PositiveIntegerField(default=0)
    moved = models.PositiveIntegerField(default=0)
    finished_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    objects = BulkActQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        indexes = (
            models.Index(fields=("id",), name="bulk_act_not_finished", condition=models.Q(finished_at__isnull=True)),
        )

    def __str__(self) -> str:
        return f"{self.kind} of {self.selection_id}"

    @property
    def sentence(self) -> str:
        return BulkKind(self.kind).sentence
