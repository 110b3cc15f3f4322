"""Labeling tasks with what happened under them."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, Sum
from django.utils import timezone

from labeling import counts
from labeling.estimating import Span
from labeling.models import DocumentTally, LabelingTask, LabelingTaskVersion, ModelPrice, SpendTally
from labeling.reports.versions import what_waits
from labeling.states import DocumentState


@dataclass(frozen=True, slots=True)
class TaskLine:
    task: LabelingTask
    versions: int
    states: dict[str, int]

    @property
    def documents(self) -> int:
        return sum(self.states.values())


@dataclass(frozen=True, slots=True)
class VersionLine:
    version: LabelingTaskVersion
    documents: int
    results: int
    usable: int


@dataclass(frozen=True, slots=True)
class TaskView:
    task: LabelingTask
    states: dict[DocumentState, int]
    versions: Sequence[VersionLine]
    price: ModelPrice | None
    waiting_on_old: int
    is_moving: bool
    move_price: Span | None
    """About what those that wait with earlier versions would cost with the one in use."""


def task_lines() -> list[TaskLine]:
    tasks = LabelingTask.objects.select_related("version_in_use").annotate(n=Count("versions")).order_by("name")
    by_task: dict[int, dict[str, int]] = {}
    sums = DocumentTally.objects.order_by().values_list("version__task_id", "state").annotate(n=Sum("documents"))
    for task_id, state, n in sums:
        by_task.setdefault(task_id, {})[state] = int(n)
    return [TaskLine(task, task.n, by_task.get(task.pk, {})) for task in tasks]


def task_view(task: LabelingTask) -> TaskView:
    documents: dict[int, int] = {}
    tallies = DocumentTally.objects.filter(version__task=task).order_by().values_list("version_id")
    for version_id, n in tallies.annotate(n=Sum("documents")):
        documents[version_id] = documents.get(version_id, 0) + int(n)
    answers = {
        version_id: (int(results), int(usable))
        for version_id, results, usable in SpendTally.objects.filter(version__task=task)
        .order_by()
        .values_list("version_id")
        .annotate(results=Sum("results"), usable=Sum("usable"))
    }
    versions = task.versions.select_related("created_by").order_by("-number")[:50]
    in_use = task.version_in_use
    waits = what_waits(in_use) if in_use else None
    return TaskView(
        task=task,
        states=counts.documents_by_state(task_id=task.pk),
        versions=[
            VersionLine(version, documents.get(version.pk, 0), *answers.get(version.pk, (0, 0))) for version in versions
        ],
        price=price_in_effect(in_use.model) if in_use else None,
        waiting_on_old=waits.documents if waits else 0,
        is_moving=task.versions.filter(moves_to__isnull=False).exists(),
        move_price=waits.price_after if waits else None,
    )


def price_in_effect(model: str) -> ModelPrice | None:
    """Today's price of the model's first tier."""
    prices = ModelPrice.objects.filter(model=model, above_prompt_tokens=0, effective_from__lte=timezone.now().date())
    return prices.order_by("-effective_from").first()
