"""Files that came in."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from labeling.querysets import UploadQuerySet
from labeling.states import HoldKind, RefusalReason, UploadKind, UploadState, Way


class Upload(models.Model):
    """One file or pasted text, from check to delivery.

    rows = accepted + refused holds at every moment of an import: the three counters grow in the
    transaction that stores the rows, and rows_read says where an interrupted import goes on.
    """

    version = models.ForeignKey("LabelingTaskVersion", on_delete=models.PROTECT, related_name="uploads")
    kind = models.CharField(
        max_length=8, choices=UploadKind.choices(), default=UploadKind.FILE, db_default=UploadKind.FILE
    )
    state = models.CharField(max_length=12, choices=UploadState.choices(), default=UploadState.RECEIVED)
    way = models.CharField(max_length=8, choices=Way.choices(), default=Way.TONIGHT)

    file_name = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64, help_text="SHA-256 of the file, hexadecimal; also its name in the store")
    size_bytes = models.PositiveBigIntegerField()
    options = models.JSONField(default=dict, help_text="What was chosen: format, encoding, columns")
    inspection = models.JSONField(default=dict, help_text="What was found: columns, preview, warnings")

    rows = models.PositiveIntegerField(default=0)
    accepted = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    copies = models.PositiveIntegerField(default=0, help_text="Accepted documents whose text was known already")
    import_tries = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True, help_text="Until then a worker has the import")
    error = models.TextField(blank=True, help_text="Why the import stands still, in a sentence")

    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    confirmed_at = models.DateTimeField(null=True, blank=True, help_text="When a person or a command said: import it")
    ready_at = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True, help_text="When nothing of it waited or was in flight")
    counts_from = models.DateTimeField(
        null=True, blank=True, help_text="A night that is due at or after this instant takes its documents"
    )
    searchable_to = models.BigIntegerField(db_default=0, help_text="Last document whose words can be searched")
    searchable_at = models.DateTimeField(null=True, blank=True, help_text="When all its words could be searched")

    # Held: nothing of it leaves, while its task goes on.
    hold_kind = models.CharField(max_length=8, choices=HoldKind.choices(), blank=True, db_default="")
    held_at = models.DateTimeField(null=True, blank=True)
    held_by = models.CharField(max_length=150, blank=True, db_default="")
    held_until = models.DateTimeField(null=True, blank=True, help_text="Ends by itself then; empty: when released")
    hold_reason = models.CharField(max_length=200, blank=True, db_default="")

    # Withdrawn: the state says so at once, its documents follow in portions, and the same way back.
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.CharField(max_length=150, blank=True, db_default="")
    sweep_due = models.BooleanField(db_default=False, help_text="Its documents do not all follow its state yet")

    erasure = models.ForeignKey("Erasure", on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    objects = UploadQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        indexes = (
            models.Index(fields=("sha256",), name="upload_sha256"),
            models.Index(fields=("done_at",), name="upload_done"),
            models.Index(fields=("id",), name="upload_not_searchable", condition=Q(searchable_at__isnull=True)),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(rows=F("accepted") + F("refused")), name="upload_rows_are_accepted_or_refused"
            ),
            models.CheckConstraint(
                condition=Q(ready_at__isnull=True, counts_from__isnull=True)
                | Q(ready_at__isnull=False, counts_from__isnull=False),
                name="upload_ready_has_its_times",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=(UploadState.READY, UploadState.DONE)) | Q(ready_at__isnull=False),
                name="upload_ready_iff_stamped",
            ),
            models.CheckConstraint(
                condition=Q(hold_kind="", held_at__isnull=True, held_until__isnull=True)
                | Q(hold_kind__gt="", held_at__isnull=False),
                name="upload_held_iff_stamped",
            ),
        )

    def __str__(self) -> str:
        return f"U-{self.pk} {self.file_name}"

    @property
    def completion(self) -> str:
        """Names the last time that it was done: U-12@20261123014012.345678; what goes again is done anew."""
        return f"U-{self.pk}@{self.done_at:%Y%m%d%H%M%S.%f}" if self.done_at else ""


class RefusedRow(models.Model):
    """A row of a file that did not become a document, as it was, with the reason."""

    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="refused_rows")
    row_number = models.PositiveIntegerField(help_text="Counted from 1 over the data rows")
    line_number = models.PositiveIntegerField(help_text="Physical line of the file where the row begins, from 1")
    reason = models.CharField(max_length=16, choices=RefusalReason.choices())
    sentence = models.TextField()
    raw = models.TextField(help_text="The row as it was, cut at a bound")

    class Meta:
        ordering = ("upload", "row_number")
        constraints = (models.UniqueConstraint(fields=("upload", "row_number"), name="refused_row_once_per_upload"),)

    def __str__(self) -> str:
        return f"line {self.line_number}: {self.sentence}"
