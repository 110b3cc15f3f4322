"""What is to be done with documents -> LabelingTask and the version in use."""

from dataclasses import dataclass
from typing import Any

from django.db import transaction

from labeling import activity
from labeling.messages import prompts
from labeling.messages.prompts import Spec
from labeling.models import Document, LabelingTask, LabelingTaskVersion
from labeling.states import DocumentState, Word
from labeling.transitions import versions
from labeling.transitions.locking import lock_task_alone

SpecRefused = prompts.SpecRefused


class Defined(Word):
    CREATED = "created", "The task is new."
    VERSIONED = "versioned", "The task has a new version, in use at once."
    UNCHANGED = "unchanged", "The task says the same as before."


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
        lock_task_alone(task.pk)
        task = LabelingTask.objects.select_for_update(of=("self",)).get(pk=task.pk)
        LabelingTask.objects.filter(pk=task.pk).update(name=definition.name, priority=definition.priority)
        in_use = task.version_in_use
        if in_use and in_use.fingerprint == definition.spec.fingerprint():
            return Definitions(task, in_use, Defined.UNCHANGED, _waiting_on_old(task))
        draft = task.draft
        is_the_draft = draft is not None and draft.fingerprint == definition.spec.fingerprint()
        version = draft if draft and is_the_draft else versions.create(task, definition.spec, by, is_draft=False)
        versions.put_in_use(task, version, by=activity.name_of(by), move=False)
        what = Defined.CREATED if made else Defined.VERSIONED
        activity.record(by, f"{version} is in use", f"task:{task.slug}")
    task.refresh_from_db()
    return Definitions(task, version, what, _waiting_on_old(task))


def _waiting_on_old(task: LabelingTask) -> int:
    return (
        Document.objects.filter(version__task=task, state=DocumentState.QUEUED)
        .exclude(version=task.version_in_use)
        .count()
    )
