"""Pause and resume: a person closes or opens the gates through which everything leaves."""

from dataclasses import dataclass
from typing import Any

from django.db import transaction

from labeling import activity
from labeling.models import Batch, Gate, LabelingTask, Request
from labeling.states import BatchState, Lane, Outcome
from labeling.transitions import gates


class NotResumed(Exception):
    """Something must be settled first; the message is a sentence for a person."""


@dataclass(frozen=True, slots=True)
class Paused:
    """Whether this call closed the gate, and what had been claimed before it closed."""

    changed: bool
    claimed: list[str]


def closed_gates() -> int:
    return Gate.objects.filter(closed_at__isnull=False).count()


def pause_everything(*, by: Any, reason: str) -> Paused:
    """Nothing is claimed after this returns; what was claimed before is named and may still leave."""
    with transaction.atomic():
        changed = gates.close_gate(None, by=activity.name_of(by), kind="person", reason=reason)
        if changed:
            activity.record(by, f"Paused everything: {reason}")
    return Paused(changed, claimed())


def pause_task(task: LabelingTask, *, by: Any, reason: str) -> bool:
    with transaction.atomic():
        changed = gates.close_gate(task, by=activity.name_of(by), kind="person", reason=reason)
        if changed:
            activity.record(by, f"Paused {task}: {reason}", f"task:{task.slug}")
    return changed


def resume_everything(*, by: Any) -> list[str]:
    """Open every closed gate; returns a sentence for each. Raises NotResumed while a restoration is not settled."""
    _refuse_before_settling()
    sentences = []
    with transaction.atomic():
        for gate in Gate.objects.filter(closed_at__isnull=False).select_related("task"):
            if gates.open_gate(gate.task):
                scope = str(gate.task) if gate.task else "Everything"
                sentences.append(f"{scope} leaves again; it was paused by {gate.closed_by}: {gate.reason}")
        if sentences:
            activity.record(by, " ".join(sentences))
    return sentences


def _refuse_before_settling() -> None:
    gate = Gate.objects.filter(task=None, kind=gates.RESTORE).first()
    if gate and gate.closed_at:
        raise NotResumed(
            f"Not resumed. {gate.reason} What left since then would be paid for a second time if it simply went on."
        )


def resume_task(task: LabelingTask, *, by: Any, seen: str = "") -> bool:
    """`seen`: what kind of closed gate the person saw; one that was closed for another reason since stays closed."""
    with transaction.atomic():
        changed = gates.open_gate(task, kind=seen)
        if changed:
            activity.record(by, f"{task} leaves again", f"task:{task.slug}")
    return changed


def claimed(task: LabelingTask | None = None) -> list[str]:
    """What was claimed before a gate closed and may still leave: of everything, or of one task."""
    batches = Batch.objects.filter(state=BatchState.SUBMITTING)
    calls = Request.objects.filter(lane=Lane.URGENT, outcome=Outcome.OPEN)
    if task is not None:
        batches, calls = batches.filter(version__task=task), calls.filter(version__task=task)
    open_calls = calls.count()
    words = f"{open_calls} real-time {'call' if open_calls == 1 else 'calls'}"
    return [str(batch) for batch in batches.order_by("pk")] + ([words] if open_calls else [])
