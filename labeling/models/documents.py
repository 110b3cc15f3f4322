"""One text to be labeled: a narrow row of state beside an immutable row of text.

Changing a state then touches some 120 bytes and not the text, and a text can be erased without
losing counts or money. The hot tables have no foreign key constraints in the database: a check per
row costs time, rows are only ever made by set-based statements from existing rows, and the ledger
recomputes the sums.
"""

from datetime import datetime

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import F, Q

from labeling.querysets import DocumentQuerySet
from labeling.states import DocumentState, FailureReason, Way


class Document(models.Model):
    """Where one text stands.

    A leader is the first document of its text under its version; a copy points at its leader,
    shares its result and is never sent.
    """

    upload = models.ForeignKey("Upload", on_delete=models.PROTECT, db_constraint=False, db_index=False)
    version = models.ForeignKey("LabelingTaskVersion", on_delete=models.PROTECT, db_constraint=False, db_index=False)
    row_number = models.PositiveIntegerField()
    sha256 = models.BinaryField(max_length=32, help_text="Of the text in UTF-8")
    encoded_bytes = models.PositiveIntegerField(help_text="Length of the text as a JSON string")
    leader = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_constraint=False,
        db_index=False,
        related_name="copies",
    )
    state = models.CharField(max_length=10, choices=DocumentState.choices(), db_default=DocumentState.QUEUED)
    way = models.CharField(max_length=8, choices=Way.choices(), db_default=Way.TONIGHT)
    attempts = models.PositiveSmallIntegerField(db_default=0, help_text="Requests that did not end not_sent")
    attempts_before = models.PositiveSmallIntegerField(
        db_default=0, help_text="Attempts that were made before a person last sent it again"
    )
    not_before = models.DateTimeField(null=True, blank=True, help_text="Back-off: goes again from then on")
    queued_at = models.DateTimeField(
        null=True, blank=True, help_text="When a person put it back into the queue; empty: with its upload"
    )
    failure_reason = models.CharField(max_length=20, choices=FailureReason.choices(), blank=True, db_default="")
    closed_at = models.DateTimeField(null=True, blank=True, help_text="A person closed the failure")
    closed_reason = models.CharField(max_length=200, blank=True, db_default="")
    unwanted = models.BooleanField(
        db_default=False, help_text="In flight and not wanted any more: withdrawn when its result is in"
    )
    withdrawn_from = models.CharField(
        max_length=10, choices=DocumentState.choices(), blank=True, db_default="", help_text="What it is restored to"
    )
    withdrawn_with_upload = models.BooleanField(
        db_default=False, help_text="It went with its upload, and comes back with it"
    )
    result = models.ForeignKey(
        "Result",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_constraint=False,
        db_index=False,
        related_name="+",
        help_text="The result that is shown; a copy shows that of its leader",
    )

    erasure = models.ForeignKey(
        "Erasure",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_constraint=False,
        db_index=False,
        related_name="erased",
        help_text="Its words are gone; nothing of it is ever sent again",
    )

    objects = DocumentQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        indexes = (
            models.Index(fields=("upload", "id"), name="document_upload_order"),
            models.Index(
                fields=("version", "way", "upload", "id"), name="document_waiting", condition=Q(state="queued")
            ),
            models.Index(
                fields=("upload",),
                name="document_waits_unlike",
                condition=Q(state="queued")
                & (Q(leader__isnull=False) | Q(not_before__isnull=False) | Q(queued_at__isnull=False, way="tonight")),
            ),
            models.Index(fields=("failure_reason", "id"), name="document_failed", condition=Q(state="failed")),
            models.Index(
                fields=("version", "failure_reason", "-id"),
                include=("leader", "upload", "encoded_bytes"),
                name="document_undecided",
                condition=Q(state="failed", closed_at__isnull=True),
            ),
            models.Index(
                fields=("-closed_at", "-id"),
                name="document_closed",
                condition=Q(state="failed", closed_at__isnull=False),
            ),
            models.Index(
                fields=("not_before",),
                name="document_going_again",
                condition=Q(state="queued", not_before__isnull=False),
            ),
            models.Index(fields=("erasure",), name="document_erased", condition=Q(erasure__isnull=False)),
            models.Index(fields=("leader",), name="document_copies", condition=Q(leader__isnull=False)),
            models.Index(
                fields=("id",), name="document_waiting_copies", condition=Q(leader__isnull=False, state="queued")
            ),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("version", "sha256"), name="one_leader_per_text_and_version", condition=Q(leader__isnull=True)
            ),
            models.CheckConstraint(
                condition=Q(state=DocumentState.WITHDRAWN)
                | Q(state=DocumentState.FAILED, failure_reason__gt="")
                | (~Q(state=DocumentState.FAILED) & Q(failure_reason="", closed_at__isnull=True)),
                name="document_failed_iff_reason",
            ),
            models.CheckConstraint(
                condition=~Q(state=DocumentState.LABELED) | Q(result__isnull=False), name="document_labeled_has_result"
            ),
            models.CheckConstraint(
                condition=Q(unwanted=False) | Q(state=DocumentState.BATCHED), name="document_unwanted_is_in_flight"
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_from="") | Q(state=DocumentState.WITHDRAWN),
                name="document_withdrawn_from_iff_withdrawn",
            ),
            models.CheckConstraint(
                condition=Q(leader__isnull=True) | ~Q(state=DocumentState.BATCHED), name="document_copy_is_never_sent"
            ),
            models.CheckConstraint(
                condition=Q(leader__isnull=True) | ~Q(leader=F("id")), name="document_does_not_lead_itself"
            ),
        )

    def __str__(self) -> str:
        return f"D-{self.pk}"

    @property
    def is_copy(self) -> bool:
        return self.leader_id is not None

    def goes_again_at(self, now: datetime) -> datetime | None:
        """When it goes again by itself, if it waits for that."""
        waits = self.state == DocumentState.QUEUED and self.not_before is not None and self.not_before > now
        return self.not_before if waits else None


class DocumentText(models.Model):
    """The words of a document, written once, erasable; stored without compression, which is faster."""

    document = models.OneToOneField(
        Document, on_delete=models.PROTECT, primary_key=True, db_constraint=False, related_name="content"
    )
    external_id = models.CharField(max_length=512, blank=True)
    text = models.TextField()
    gold_label = models.CharField(max_length=512, blank=True)
    metadata = models.JSONField(default=dict, help_text="The other columns of the row")

    class Meta:
        indexes = (models.Index(fields=("external_id",), name="text_external_id", condition=~Q(external_id="")),)

    def __str__(self) -> str:
        return self.external_id or f"text of D-{self.pk}"


class DocumentWords(models.Model):
    """The words of a text as they are searched: made by a worker after the import, so that no import waits for them.

    A trigger takes them away in the statement that erases or changes the text.
    """

    document = models.OneToOneField(
        Document, on_delete=models.CASCADE, primary_key=True, db_constraint=False, related_name="words"
    )
    words = SearchVectorField()

    class Meta:
        verbose_name_plural = "document words"
        indexes = (GinIndex(fields=("words",), name="words_of_documents"),)

    def __str__(self) -> str:
        return f"words of D-{self.pk}"
