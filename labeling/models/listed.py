"""What the API said: which models there are, and how many tokens a request has."""

from django.db import models


class ListedModel(models.Model):
    """A model as the Models API lists it, kept so that pages need not ask. It tells no prices."""

    id = models.CharField(primary_key=True, max_length=80)
    display_name = models.CharField(max_length=120)
    lifecycle = models.CharField(max_length=20, blank=True)
    deprecated_at = models.DateTimeField(null=True, blank=True)
    retires_at = models.DateTimeField(null=True, blank=True)
    max_input_tokens = models.PositiveIntegerField(null=True, blank=True)
    max_tokens = models.PositiveIntegerField(null=True, blank=True)
    batch = models.BooleanField(null=True, blank=True)
    structured_outputs = models.BooleanField(null=True, blank=True)
    is_listed = models.BooleanField(default=True, help_text="The newest list has it; retired models are in none")
    seen_at = models.DateTimeField(help_text="The newest list that had it")
    lifecycle_changed_at = models.DateTimeField(
        null=True, blank=True, help_text="A canary from before proves nothing any more"
    )

    class Meta:
        ordering = ("display_name",)

    def __str__(self) -> str:
        return self.id


class TokenCount(models.Model):
    """A person asked how many tokens a request has; a worker asks the API, which charges nothing for it."""

    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the params")
    params = models.TextField(blank=True, help_text="Empty as soon as they are counted")
    asked_at = models.DateTimeField()
    tokens = models.PositiveIntegerField(null=True, blank=True)
    counted_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        indexes = (models.Index(fields=("asked_at",), name="token_count_asked"),)

    def __str__(self) -> str:
        return f"{self.digest[:8]}: {self.tokens}"
