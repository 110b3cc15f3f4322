"""Counters that cannot drift: every statement that changes rows appends its differences in the same transaction.

Database triggers (one per statement, never per row) write the differences of documents and
requests; the one statement that stores results writes those of money. A tick folds the
differences of a key into one row, so a sum over a table stays a sum over some dozens of rows, and
no two writers ever wait for the same counter.
"""

from django.db import models

from labeling.states import DocumentState, Lane, Outcome

from .batches import USD


class DocumentTally(models.Model):
    upload = models.ForeignKey("Upload", on_delete=models.CASCADE, db_constraint=False)
    version = models.ForeignKey("LabelingTaskVersion", on_delete=models.CASCADE, db_constraint=False, db_index=False)
    state = models.CharField(max_length=10, choices=DocumentState.choices())
    way = models.CharField(max_length=8, blank=True, help_text="Of queued documents only")
    documents = models.BigIntegerField()
    leaders = models.BigIntegerField(db_default=0, help_text="Those that are no copies: only they are paid for")
    leader_bytes = models.BigIntegerField(db_default=0, help_text="Length of their texts as JSON strings")

    class Meta:
        verbose_name_plural = "document tallies"

    def __str__(self) -> str:
        return f"{self.documents:+d} {self.state}"


class FailureTally(models.Model):
    """Open failures of imported files by their cause: what a person has to decide."""

    version = models.ForeignKey("LabelingTaskVersion", on_delete=models.CASCADE, db_constraint=False, db_index=False)
    failure_reason = models.CharField(max_length=20)
    documents = models.BigIntegerField()
    leaders = models.BigIntegerField(help_text="Those that are no copies: only they are paid for")
    leader_bytes = models.BigIntegerField(help_text="Length of their texts as JSON strings")

    class Meta:
        verbose_name_plural = "failure tallies"

    def __str__(self) -> str:
        return f"{self.documents:+d} {self.failure_reason}"


class RequestTally(models.Model):
    batch = models.ForeignKey("Batch", on_delete=models.CASCADE, null=True, db_constraint=False)
    lane = models.CharField(max_length=8, choices=Lane.choices())
    outcome = models.CharField(max_length=10, choices=Outcome.choices())
    requests = models.BigIntegerField()

    class Meta:
        verbose_name_plural = "request tallies"

    def __str__(self) -> str:
        return f"{self.requests:+d} {self.outcome}"


class SpendTally(models.Model):
    """Money by day, version, model, account and lane; the day is that of the price: the batch's creation, the call."""

    day = models.DateField()
    version = models.ForeignKey("LabelingTaskVersion", on_delete=models.CASCADE, db_constraint=False, db_index=False)
    model = models.CharField(max_length=80)
    account = models.ForeignKey("Account", on_delete=models.CASCADE, null=True, db_constraint=False, db_index=False)
    lane = models.CharField(max_length=8, choices=Lane.choices())
    results = models.BigIntegerField()
    usable = models.BigIntegerField()
    unpriced = models.BigIntegerField()
    prompt_tokens = models.BigIntegerField()
    output_tokens = models.BigIntegerField()
    list_usd = models.DecimalField(**USD)
    paid_usd = models.DecimalField(**USD)
    wasted_usd = models.DecimalField(**USD, help_text="Paid without a usable label")
    withdrawn_usd = models.DecimalField(
        **USD, db_default=0, help_text="Of that: for labels of documents that are withdrawn"
    )
    superseded_usd = models.DecimalField(
        **USD, db_default=0, help_text="Of that: for labels in whose place a newer one came"
    )

    class Meta:
        verbose_name_plural = "spend tallies"
        indexes = (models.Index(fields=("day",), name="spend_day"),)

    def __str__(self) -> str:
        return f"{self.day} {self.model} {self.paid_usd}"


class AnswerTally(models.Model):
    """What the documents of an upload brought under a version: bytes that went out, tokens and money that came of it.

    Only answers are counted, so that averages are those of an answer; errors cost nothing.
    """

    upload = models.ForeignKey("Upload", on_delete=models.CASCADE, db_constraint=False)
    version = models.ForeignKey("LabelingTaskVersion", on_delete=models.CASCADE, db_constraint=False)
    answers = models.BigIntegerField()
    unpriced = models.BigIntegerField()
    document_bytes = models.BigIntegerField(help_text="Length of the answered texts as JSON strings")
    prompt_tokens = models.BigIntegerField()
    output_tokens = models.BigIntegerField()
    list_usd = models.DecimalField(**USD)
    paid_usd = models.DecimalField(**USD)

    class Meta:
        verbose_name_plural = "answer tallies"

    def __str__(self) -> str:
        return f"{self.answers} answers, {self.paid_usd}"
