"""What was sent, and what came back."""

from typing import Any

from django.db import models
from django.db.models import Q

from labeling.querysets import BatchQuerySet
from labeling.states import BatchState, FailureReason, Lane, Outcome, Proof, Verdict, Way

USD: dict[str, Any] = {"max_digits": 20, "decimal_places": 12}
_WITH_ID = sorted(BatchState.with_message_batch())
_CLAIMED = (BatchState.SUBMITTING, BatchState.UNKNOWN)
_OVER = (BatchState.ENDED, BatchState.INGESTED)


class Account(models.Model):
    """Whose money it is: an API address and a workspace. Keys rotate, so a key is only an attribute."""

    base_url = models.CharField(max_length=200)
    workspace_id = models.CharField(max_length=80, blank=True, help_text="From the response header; empty: not told")
    key_fingerprint = models.CharField(max_length=16, blank=True)
    first_seen_at = models.DateTimeField(auto_now_add=True)
    foreign_batch_id = models.CharField(max_length=80, blank=True, help_text="Newest batch of another program here")
    foreign_seen_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("base_url", "workspace_id"), name="account_once"),)

    def __str__(self) -> str:
        return f"{self.base_url} {self.workspace_id}".strip()


class Night(models.Model):
    """One row per local date: when its submission was due, when it began to leave."""

    date = models.DateField(unique=True, help_text="Local date of the due instant, in the site's zone")
    due_at = models.DateTimeField()
    left_at = models.DateTimeField(null=True, blank=True, help_text="When its first batch was built")
    completed_at = models.DateTimeField(
        null=True, blank=True, help_text="When nothing was left to send and the last result was stored"
    )

    class Meta:
        ordering = ("-date",)

    def __str__(self) -> str:
        return f"N-{self.date}"


class Batch(models.Model):
    """Requests of one version that become one Message Batch."""

    version = models.ForeignKey("LabelingTaskVersion", on_delete=models.PROTECT, related_name="batches")
    night = models.ForeignKey(Night, on_delete=models.PROTECT, null=True, blank=True, related_name="batches")
    way = models.CharField(max_length=8, choices=[c for c in Way.choices() if c[0] != Way.URGENT])
    state = models.CharField(max_length=12, choices=BatchState.choices(), default=BatchState.BUILDING)
    token = models.CharField(max_length=8, unique=True, help_text="In every custom_id: proves that a line is ours")
    request_total = models.PositiveIntegerField(default=0)
    body_bytes = models.PositiveBigIntegerField(default=0)
    body_sha256 = models.CharField(max_length=64, blank=True)
    requests_sha256 = models.CharField(
        max_length=64, blank=True, db_default="", help_text="Of the same requests as lines, one JSON object a line"
    )
    proof = models.CharField(
        max_length=12, choices=Proof.choices(), blank=True, db_default="", help_text="Rebuilt and compared with that"
    )
    proved_at = models.DateTimeField(null=True, blank=True)
    built_at = models.DateTimeField(auto_now_add=True)

    # What a money limit counts.
    limit_date = models.DateField(
        null=True, blank=True, db_index=True, help_text="Date of the night in whose limit it counts"
    )
    reserved_usd = models.DecimalField(
        **USD, null=True, blank=True, db_default=0, help_text="Its worst case while it is open; empty: price unknown"
    )

    # The intent, committed before the one create call.
    account = models.ForeignKey(Account, on_delete=models.PROTECT, null=True, blank=True)
    claimed_at = models.DateTimeField(null=True, blank=True)
    deadline = models.DateTimeField(null=True, blank=True, help_text="The sender stops itself then")
    newest_known_id = models.CharField(max_length=80, blank=True, help_text="Newest Message Batch before the call")
    doubt_since = models.DateTimeField(
        null=True, blank=True, help_text="When the sender surely was done without answer"
    )
    submit_tries = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(null=True, blank=True)

    # The mirror of the Message Batch.
    message_batch_id = models.CharField(max_length=80, unique=True, null=True, blank=True)
    create_request_id = models.CharField(max_length=80, blank=True)
    processing_status = models.CharField(max_length=12, blank=True)
    created_at = models.DateTimeField(null=True, blank=True, help_text="By the API's clock")
    expires_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    processing = models.PositiveIntegerField(default=0)
    succeeded = models.PositiveIntegerField(default=0)
    errored = models.PositiveIntegerField(default=0)
    canceled = models.PositiveIntegerField(default=0)
    expired = models.PositiveIntegerField(default=0)
    polled_at = models.DateTimeField(null=True, blank=True)
    next_poll_at = models.DateTimeField(null=True, blank=True)

    # A person's wish to cancel: the worker asks the API, the API decides what was finished.
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_by = models.CharField(max_length=150, blank=True)
    withdraw_canceled = models.BooleanField(
        default=False, help_text="What the cancel stops is withdrawn; else it goes back to the queue"
    )

    unfinished_tries = models.PositiveSmallIntegerField(
        default=0, help_text="Workers that began to submit or ingest it and did not come back"
    )

    # Reading the results.
    lease_until = models.DateTimeField(null=True, blank=True, help_text="Until then a worker submits or ingests it")
    ingest_tries = models.PositiveSmallIntegerField(default=0)
    lines_read = models.PositiveIntegerField(default=0)
    ingested_at = models.DateTimeField(null=True, blank=True)
    input_tokens = models.PositiveBigIntegerField(default=0)
    output_tokens = models.PositiveBigIntegerField(default=0)
    list_usd = models.DecimalField(**USD, default=0)
    paid_usd = models.DecimalField(**USD, default=0)
    unpriced_results = models.PositiveIntegerField(default=0)
    usable_results = models.PositiveIntegerField(db_default=0, help_text="Answers that are labels or can be exported")
    not_usable = models.JSONField(
        db_default={}, help_text="Requests without a usable answer: failure reason, else outcome, to their number"
    )
    note = models.TextField(blank=True, help_text="The last trouble, in a sentence")

    objects = BatchQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        verbose_name_plural = "batches"
        indexes = (models.Index(fields=("state", "id"), name="batch_state"),)
        constraints = (
            models.CheckConstraint(
                condition=Q(state__in=_WITH_ID, message_batch_id__isnull=False)
                | (~Q(state__in=_WITH_ID) & Q(message_batch_id__isnull=True)),
                name="batch_id_known_iff_created",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=_CLAIMED) | Q(claimed_at__isnull=False, deadline__isnull=False),
                name="batch_claimed_has_deadline",
            ),
            models.CheckConstraint(
                condition=Q(state__in=_OVER, ended_at__isnull=False) | (~Q(state__in=_OVER) & Q(ended_at__isnull=True)),
                name="batch_ended_iff_stamped",
            ),
            models.CheckConstraint(
                condition=Q(state=BatchState.INGESTED, ingested_at__isnull=False)
                | (~Q(state=BatchState.INGESTED) & Q(ingested_at__isnull=True)),
                name="batch_ingested_iff_stamped",
            ),
        )

    def __str__(self) -> str:
        return f"B-{self.pk}"


class BatchShare(models.Model):
    """How many requests of a batch carry documents of an upload; written with them, so that no page counts requests."""

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="shares")
    upload = models.ForeignKey("Upload", on_delete=models.CASCADE, related_name="shares")
    requests = models.PositiveIntegerField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("batch", "upload"), name="batch_share_once"),)

    def __str__(self) -> str:
        return f"B-{self.batch_id}: {self.requests} of U-{self.upload_id}"


class Candidate(models.Model):
    """A Message Batch that may be the one a doubtful submission made: only watched until a line tells."""

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="candidates")
    message_batch_id = models.CharField(max_length=80)
    created_at = models.DateTimeField(help_text="By the API's clock")
    verdict = models.CharField(max_length=12, choices=Verdict.choices(), default=Verdict.WATCHED)
    why = models.TextField(blank=True)
    seen_at = models.DateTimeField(auto_now_add=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("batch", "created_at")
        constraints = (
            models.UniqueConstraint(fields=("batch", "message_batch_id"), name="candidate_once_per_batch"),
            models.CheckConstraint(
                condition=Q(verdict=Verdict.WATCHED, decided_at__isnull=True)
                | (~Q(verdict=Verdict.WATCHED) & Q(decided_at__isnull=False)),
                name="candidate_decided_iff_not_watched",
            ),
        )

    def __str__(self) -> str:
        return f"{self.message_batch_id}: {self.verdict}"


class BatchEvent(models.Model):
    """One move of a batch: from, to, when, who, why."""

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="events")
    old = models.CharField(max_length=12, blank=True)
    new = models.CharField(max_length=12)
    at = models.DateTimeField(auto_now_add=True)
    by = models.CharField(max_length=150, help_text="A user name, or the stage that moved it")
    why = models.TextField(blank=True)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"B-{self.batch_id} {self.old} to {self.new}"


class Request(models.Model):
    """One document sent once."""

    document = models.ForeignKey("Document", on_delete=models.PROTECT, db_constraint=False, db_index=False)
    version = models.ForeignKey("LabelingTaskVersion", on_delete=models.PROTECT, db_constraint=False, db_index=False)
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, null=True, db_constraint=False, db_index=False)
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, null=True, db_constraint=False, db_index=False, help_text="Urgent calls only"
    )
    lane = models.CharField(max_length=8, choices=Lane.choices())
    custom_id = models.CharField(max_length=64)
    outcome = models.CharField(max_length=10, choices=Outcome.choices(), db_default=Outcome.OPEN)
    created_at = models.DateTimeField()
    deadline = models.DateTimeField(
        null=True, blank=True, help_text="Urgent: when an unanswered call counts as unclear"
    )
    ended_at = models.DateTimeField(null=True, blank=True)
    reserved_usd = models.DecimalField(
        **USD, null=True, blank=True, help_text="Urgent: its worst case until its price is known"
    )

    class Meta:
        ordering = ("id",)
        indexes = (
            models.Index(fields=("created_at",), name="request_reserved", condition=Q(reserved_usd__isnull=False)),
            models.Index(fields=("document",), name="request_document"),
            models.Index(fields=("batch", "id"), name="request_batch", condition=Q(batch__isnull=False)),
            models.Index(
                fields=("deadline",), name="request_open_urgent", condition=Q(lane=Lane.URGENT, outcome=Outcome.OPEN)
            ),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("document",), name="one_open_request_per_document", condition=Q(outcome=Outcome.OPEN)
            ),
            models.CheckConstraint(
                condition=Q(outcome=Outcome.OPEN, ended_at__isnull=True)
                | (~Q(outcome=Outcome.OPEN) & Q(ended_at__isnull=False)),
                name="request_ended_iff_not_open",
            ),
            models.CheckConstraint(
                condition=Q(lane=Lane.BATCH, batch__isnull=False) | Q(lane=Lane.URGENT, batch__isnull=True),
                name="request_in_a_batch_or_urgent",
            ),
        )

    def __str__(self) -> str:
        return self.custom_id


class Result(models.Model):
    """What a request brought. Inserted once, never updated; tokens as in the API's usage."""

    request = models.OneToOneField(Request, on_delete=models.PROTECT, primary_key=True, db_constraint=False)
    result_type = models.CharField(max_length=20, help_text="The API's word; unknown ones are kept")
    stop_reason = models.CharField(max_length=40, blank=True)
    error_type = models.CharField(max_length=60, blank=True)
    usable = models.BooleanField(help_text="The answer is a label or an answer that can be exported")
    failure_reason = models.CharField(max_length=20, choices=FailureReason.choices(), blank=True)
    answer = models.TextField(blank=True, help_text="Label, JSON text or text; not usable: what came instead")
    model = models.CharField(max_length=80, blank=True, help_text="As the answer names it")
    api_request_id = models.CharField(max_length=80, blank=True)
    input_tokens = models.PositiveIntegerField(default=0, help_text="Without cached ones")
    cache_write_5m_tokens = models.PositiveIntegerField(default=0)
    cache_write_1h_tokens = models.PositiveIntegerField(default=0)
    cache_read_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    list_usd = models.DecimalField(**USD, null=True, blank=True, help_text="At real-time prices; empty: price unknown")
    paid_usd = models.DecimalField(**USD, null=True, blank=True, help_text="At the price really paid")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("request",)
        indexes = (models.Index(fields=("created_at",), name="result_not_usable", condition=Q(usable=False)),)

    def __str__(self) -> str:
        return f"{self.result_type}: {self.answer[:60]}"

    @property
    def prompt_tokens(self) -> int:
        return self.input_tokens + self.cache_write_5m_tokens + self.cache_write_1h_tokens + self.cache_read_tokens


class ResultLine(models.Model):
    """The raw line of a result, byte for byte; text and not jsonb, because NUL and lone surrogates occur inside."""

    request = models.OneToOneField(Request, on_delete=models.PROTECT, primary_key=True, db_constraint=False)
    line = models.TextField()

    def __str__(self) -> str:
        return f"line of {self.pk}"


class StrayLine(models.Model):
    """A result line that answers none of our open requests: kept aside, never mixed in."""

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, null=True, blank=True, related_name="stray_lines")
    message_batch_id = models.CharField(
        max_length=80, blank=True, db_default="", help_text="Where no batch of ours carried it"
    )
    custom_id = models.CharField(max_length=200, blank=True)
    why = models.CharField(
        max_length=12, choices=[(w, w) for w in ("foreign", "repeated", "unreadable", "no_document")]
    )
    line_sha256 = models.CharField(max_length=64)
    line = models.TextField()
    seen_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("batch", "line_sha256"), name="stray_line_once_per_batch"),
            models.UniqueConstraint(
                fields=("message_batch_id", "line_sha256"),
                name="stray_line_once_per_message_batch",
                condition=~Q(message_batch_id=""),
            ),
        )

    def __str__(self) -> str:
        return f"{self.why}: {self.custom_id}"
