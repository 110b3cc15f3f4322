"""What is to be done with a document."""

from django.conf import settings
from django.db import models

from labeling.messages.prompts import Label, Spec
from labeling.states import CanaryState, Kind


class LabelingTask(models.Model):
    """A named piece of work; its versions say what exactly is asked of the model."""

    slug = models.SlugField(unique=True, max_length=80)
    name = models.CharField(max_length=120)
    priority = models.SmallIntegerField(default=0, help_text="Higher leaves first.")
    version_in_use = models.ForeignKey(
        "LabelingTaskVersion", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    in_use_since = models.DateTimeField(null=True, blank=True, help_text="When the version was put in use")
    in_use_by = models.CharField(max_length=150, blank=True, db_default="")
    created_at = models.DateTimeField(auto_now_add=True)
    retention_days = models.PositiveIntegerField(
        null=True, blank=True, help_text="Days after which the words of a finished upload are erased; empty: kept"
    )

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    @property
    def draft(self) -> "LabelingTaskVersion | None":
        """The one open draft."""
        return self.versions.filter(first_in_use_at=None, set_aside_at=None).select_related("task").first()


class Canary(models.Model):
    """One document of a new version that is sent in real time before many are sent in batches.

    Its answer is that document's result; a wrong model, schema or parameter costs one call and not a night.
    """

    version = models.ForeignKey("LabelingTaskVersion", on_delete=models.CASCADE, related_name="canaries")
    document = models.ForeignKey("Document", on_delete=models.CASCADE, db_constraint=False, db_index=False)
    state = models.CharField(max_length=8, choices=CanaryState.choices(), default=CanaryState.SENT)
    sent_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)
    why = models.TextField(blank=True)

    class Meta:
        ordering = ("-id",)
        verbose_name_plural = "canaries"
        constraints = (
            models.UniqueConstraint(
                fields=("version",), name="one_canary_at_a_time", condition=models.Q(state=CanaryState.SENT)
            ),
        )

    def __str__(self) -> str:
        return f"canary of {self.version}: {self.state}"


class LabelingTaskVersion(models.Model):
    """A wording of a task. Documents, requests and results point at the version they used.

    A version that was never in use is a draft, and a task has at most one that is open. Until somebody
    uses it, a draft may be saved over; a used version is never changed, so that every result can be read
    beside the words that brought it.
    """

    task = models.ForeignKey(LabelingTask, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=12, choices=Kind.choices())
    instructions = models.TextField()
    labels = models.JSONField(default=list, blank=True, help_text="classify: a list of {name, description}")
    schema = models.JSONField(null=True, blank=True, help_text="extract: a JSON schema")
    model = models.CharField(max_length=80)
    max_tokens = models.PositiveIntegerField()
    thinking = models.CharField(max_length=20, blank=True)
    effort = models.CharField(max_length=10, blank=True)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of the content, to know an unchanged file")
    created_at = models.DateTimeField(auto_now_add=True, help_text="When it was last saved")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    revision = models.PositiveIntegerField(db_default=1, help_text="How often it was saved")
    first_in_use_at = models.DateTimeField(null=True, blank=True, help_text="Empty: it was never in use")
    set_aside_at = models.DateTimeField(null=True, blank=True, help_text="A draft that was discarded or replaced")
    set_aside_by = models.CharField(max_length=150, blank=True, db_default="")
    moves_to = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="What waits under this version is being moved there, and does not leave meanwhile",
    )

    class Meta:
        ordering = ("task", "-number")
        constraints = (
            models.UniqueConstraint(fields=("task", "number"), name="version_number_once_per_task"),
            models.UniqueConstraint(
                fields=("task",),
                name="version_one_open_draft_per_task",
                condition=models.Q(first_in_use_at__isnull=True, set_aside_at__isnull=True),
            ),
            models.CheckConstraint(
                condition=models.Q(first_in_use_at__isnull=True) | models.Q(set_aside_at__isnull=True),
                name="version_in_use_is_not_set_aside",
            ),
        )

    def __str__(self) -> str:
        return f"{self.task.name} v{self.number}"

    @property
    def is_draft(self) -> bool:
        """Open for changes: never in use, and not set aside."""
        return self.first_in_use_at is None and self.set_aside_at is None

    @property
    def stamp(self) -> str:
        """Says which saving of which version somebody has seen."""
        return f"{self.number}.{self.revision}"

    @property
    def saved_by(self) -> str:
        return self.created_by.get_username() if self.created_by else "a command"

    @property
    def spec(self) -> Spec:
        """The content as the pure value that prompts and answers are made from."""
        return Spec(
            kind=Kind(self.kind),
            instructions=self.instructions,
            labels=tuple(Label(label["name"], label.get("description", "")) for label in self.labels),
            schema=self.schema,
            model=self.model,
            max_tokens=self.max_tokens,
            thinking=self.thinking or None,
            effort=self.effort or None,
        )
