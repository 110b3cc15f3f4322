"""What is to be done with documents -> LabelingTask and the version in use."""

from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Max

from labeling import activity, prompts
from labeling.models import Document, Gate, LabelingTask, LabelingTaskVersion
from labeling.prompts import Spec
from labeling.states import DocumentState, Word
from labeling.transitions.gates import ensure_gates, open_gate


class Defined(Word):
    CREATED = "created", "The task is new."
    VERSIONED = "versioned", "The task has a new version, in use at once."
    UNCHANGED = "unchanged", "The task says the same as before."


class SpecRefused(Exception):
    """The spec cannot be used; `sentences` say why."""

    def __init__(self, slug: str, sentences: list[str]) -> None:
        super().__init__(f"Task {slug}: {' '.join(sentences)}")
        self.sentences = sentences


@dataclass(frozen=True, slots=True)
class Definition:
    slug: str
    name: str
    spec: Spec
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Definitions:
    task: LabelingTask
    version: LabelingTaskVersion
    what: Defined
    waiting_on_old: int
    """Documents that wait keep the version they were queued with; so many wait on older ones."""


def define(definition: Definition, *, by: Any) -> Definitions:
    """Create a task, or give it a new version that is in use at once, or change nothing. Raises SpecRefused."""
    problems = prompts.check(definition.spec)
    if problems:
        raise SpecRefused(definition.slug, problems)
    with transaction.atomic():
        task, made = LabelingTask.objects.get_or_create(slug=definition.slug, defaults={"name": definition.name})
        task = LabelingTask.objects.select_for_update(of=("self",)).get(pk=task.pk)
        LabelingTask.objects.filter(pk=task.pk).update(name=definition.name, priority=definition.priority)
        in_use = task.version_in_use
        if in_use and in_use.fingerprint == definition.spec.fingerprint():
            return Definitions(task, in_use, Defined.UNCHANGED, _waiting_on_old(task))
        version = _new_version(task, definition.spec, by)
        task.version_in_use = version
        task.save(update_fields=("version_in_use",))
        ensure_gates()
        if Gate.objects.filter(task=task, kind="canary").exists():
            # What failed was the version before.
            open_gate(task)
        what = Defined.CREATED if made else Defined.VERSIONED
        activity.record(by, f"{version} is in use", f"task:{task.slug}")
    task.refresh_from_db()
    return Definitions(task, version, what, _waiting_on_old(task))


def _new_version(task: LabelingTask, spec: Spec, by: Any) -> LabelingTaskVersion:
    last = task.versions.aggregate(n=Max("number"))["n"] or 0
    return LabelingTaskVersion.objects.create(
        task=task,
        number=last + 1,
        kind=spec.kind,
        instructions=spec.instructions,
        labels=[{"name": label.name, "description": label.description} for label in spec.labels],
        schema=spec.schema,
        model=spec.model,
        max_tokens=spec.max_tokens,
        thinking=spec.thinking or "",
        effort=spec.effort or "",
        fingerprint=spec.fingerprint(),
        created_by=by if hasattr(by, "get_username") else None,
    )


def _waiting_on_old(task: LabelingTask) -> int:
    return (
        Document.objects.filter(version__task=task, state=DocumentState.QUEUED)
        .exclude(version=task.version_in_use)
        .count()
    )
