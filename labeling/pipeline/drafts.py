"""An edit -> a draft; a draft -> the version in use, or aside.

Whoever edits or puts in use says which saving of which version they saw (its stamp). If somebody saved
or put in use meanwhile, nothing happens and the refusal says who was first.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from labeling import activity
from labeling.messages import prompts
from labeling.messages.prompts import Spec
from labeling.models import Document, LabelingTask, LabelingTaskVersion, Request, Upload
from labeling.pipeline import moving
from labeling.states import Word
from labeling.transitions import versions
from labeling.transitions.locking import lock_task_alone

AT_ONCE = timedelta(milliseconds=700)
"""So long a person waits for documents to move; a worker moves the rest."""


class Saved(Word):
    DRAFTED = "drafted", "The draft is new."
    SAVED_OVER = "saved_over", "The draft was saved over."
    REPLACED = "replaced", "The draft before was in use for a trial and keeps its words; this one took its place."
    UNCHANGED = "unchanged", "It says the same as before."


class Stale(Exception):
    """Somebody was first; `newest` is what they saved or put in use, `act` what they did, by whom and when."""

    def __init__(self, newest: LabelingTaskVersion | None, act: str, by: str, at: datetime | None) -> None:
        super().__init__(act)
        self.newest, self.act, self.by, self.at = newest, act, by, at


@dataclass(frozen=True, slots=True)
class SavedDraft:
    version: LabelingTaskVersion
    what: Saved


@dataclass(frozen=True, slots=True)
class PutInUse:
    before: LabelingTaskVersion | None
    moved: int
    is_still_moving: bool


def base_of(task: LabelingTask) -> LabelingTaskVersion | None:
    """What an edit begins with: the open draft, else the version in use."""
    return task.draft or task.version_in_use


def is_used(version: LabelingTaskVersion) -> bool:
    """Whether anything points at it: then its words stay as they are."""
    return any(rows.filter(version=version).exists() for rows in (Upload.objects, Document.objects, Request.objects))


def save(task: LabelingTask, spec: Spec, *, name: str, priority: int, based_on: str, by: Any) -> SavedDraft:
    """Save an edit as the draft of its task. Raises Stale, and SpecRefused for what cannot be used.

    Name and priority are the task's and hold at once.
    """
    problems = prompts.check(spec)
    if problems:
        raise prompts.SpecRefused(task.slug, problems)
    with transaction.atomic():
        task = _held(task)
        base = base_of(task)
        if base and base.stamp != based_on:
            raise Stale(base, "saved", base.saved_by, base.created_at)
        _rename(task, name, priority, by)
        if base and base.fingerprint == spec.fingerprint():
            return SavedDraft(base, Saved.UNCHANGED)
        draft, what = _store(task, base, spec, by)
        activity.record(by, f"Saved the draft {draft}", f"task:{task.slug}")
    return SavedDraft(draft, what)


def discard(task: LabelingTask, *, seen: str, by: Any) -> LabelingTaskVersion:
    """The draft is set aside: still to be read, and to be put in use after all. Raises Stale."""
    with transaction.atomic():
        task = _held(task)
        draft = task.draft
        if draft is None or draft.stamp != seen:
            newest = draft or task.version_in_use
            raise Stale(newest, *_last_act(task, draft))
        _set_aside(draft, by)
        activity.record(by, f"Discarded the draft {draft}", f"task:{task.slug}")
    return draft


def put_in_use(
    task: LabelingTask, version: LabelingTaskVersion, *, seen: str, seen_in_use: str, move: bool, by: Any
) -> PutInUse:
    """A version becomes that of new documents; with `move` those that wait follow it. Raises Stale.

    Nothing of what was built moves.
    """
    with transaction.atomic():
        task = _held(task)
        before, chosen = task.version_in_use, task.versions.select_related("task").filter(pk=version.pk).first()
        if before and before.stamp != seen_in_use:
            raise Stale(before, "put in use", task.in_use_by or "a command", task.in_use_since)
        if chosen is None or chosen.stamp != seen:
            raise Stale(chosen or task.draft, "saved", *_last_saving(chosen or task.draft))
        versions.put_in_use(task, chosen, by=activity.name_of(by), move=move)
        words = "documents that wait move to it" if move else "documents that wait keep theirs"
        activity.record(by, f"{chosen} is in use; {words}", f"task:{task.slug}")
    return PutInUse(before, *_move_some(task, move))


def move_the_rest(task: LabelingTask, *, by: Any) -> PutInUse:
    """What still waits under earlier versions moves to the one in use."""
    with transaction.atomic():
        task = _held(task)
        in_use = task.version_in_use
        if in_use is None:
            return PutInUse(None, 0, False)
        versions.move_to(task, in_use)
        activity.record(by, f"Documents that wait move to {in_use}", f"task:{task.slug}")
    return PutInUse(in_use, *_move_some(task, move=True))


def _move_some(task: LabelingTask, move: bool) -> tuple[int, bool]:
    moved = moving.move_waiting(timezone.now() + AT_ONCE) if move else 0
    return moved, task.versions.filter(moves_to__isnull=False).exists()


def _held(task: LabelingTask) -> LabelingTask:
    """The task as it is now, held to the end of the transaction: of two people one is first."""
    lock_task_alone(task.pk)
    return LabelingTask.objects.select_for_update().get(pk=task.pk)


def _store(
    task: LabelingTask, base: LabelingTaskVersion | None, spec: Spec, by: Any
) -> tuple[LabelingTaskVersion, Saved]:
    if base is None or not base.is_draft:
        return versions.create(task, spec, by, is_draft=True), Saved.DRAFTED
    if is_used(base):
        _set_aside(base, by)
        return versions.create(task, spec, by, is_draft=True), Saved.REPLACED
    versions.save_over(base, spec, by)
    return base, Saved.SAVED_OVER


def _set_aside(draft: LabelingTaskVersion, by: Any) -> None:
    LabelingTaskVersion.objects.filter(pk=draft.pk).update(
        set_aside_at=timezone.now(), set_aside_by=activity.name_of(by)
    )


def _rename(task: LabelingTask, name: str, priority: int, by: Any) -> None:
    if (task.name, task.priority) == (name, priority):
        return
    LabelingTask.objects.filter(pk=task.pk).update(name=name, priority=priority)
    said = f"{task.name}: name is {name}, priority is {priority}"
    activity.record(by, said, f"task:{task.slug}", before={"name": task.name, "priority": task.priority})


def _last_act(task: LabelingTask, draft: LabelingTaskVersion | None) -> tuple[str, str, datetime | None]:
    if draft:
        return "saved", draft.saved_by, draft.created_at
    return "put in use", task.in_use_by or "a command", task.in_use_since


def _last_saving(version: LabelingTaskVersion | None) -> tuple[str, datetime | None]:
    return (version.saved_by, version.created_at) if version else ("somebody", None)
