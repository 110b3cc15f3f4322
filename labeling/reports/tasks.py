"""Labeling tasks with what happened under them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db.models import Count, Sum
from django.utils import timezone

from labeling import waiting
from labeling.configuration import Configuration
from labeling.messages import differences
from labeling.models import DocumentTally, Gate, LabelingTask, LabelingTaskVersion, ModelPrice, SpendTally
from labeling.money.estimating import Span
from labeling.reports import gold
from labeling.reports.trying import Score
from labeling.reports.versions import what_waits
from labeling.states import DocumentState, UploadKind
from labeling.waiting import Waiting

MOST_VERSIONS = 30


@dataclass(frozen=True, slots=True)
class TaskLine:
    task: LabelingTask
    versions: int
    draft: LabelingTaskVersion | None
    gate: Gate | None
    states: dict[str, int]
    waiting: Sequence[Waiting]
    score: Score | None

    @property
    def documents(self) -> int:
        return sum(self.states.values())


@dataclass(frozen=True, slots=True)
class VersionLine:
    """One version: `tried` documents of trials apart from the others, money in USD, what changed in words."""

    version: LabelingTaskVersion
    documents: int
    tried: int
    results: int
    usable: int
    paid: Decimal
    unpriced: int
    score: Score | None
    changed: str


@dataclass(frozen=True, slots=True)
class TaskView:
    task: LabelingTask
    states: dict[DocumentState, int]
    versions: Sequence[VersionLine]
    all_versions: int
    waiting_on_old: int
    is_moving: bool
    move_price: Span | None
    """About what those that wait with earlier versions would cost with the one in use."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a version says otherwise than the one it is compared with."""

    against: LabelingTaskVersion
    lines: Sequence[differences.Line] = field(default_factory=list)


def task_lines(settings: Configuration) -> list[TaskLine]:
    tasks = list(
        LabelingTask.objects.select_related("version_in_use", "gate").annotate(n=Count("versions")).order_by("name")
    )
    by_task: dict[int, dict[str, int]] = {}
    sums = (
        DocumentTally.objects.exclude(upload__kind=UploadKind.TRIAL)
        .order_by()
        .values_list("version__task_id", "state")
        .annotate(n=Sum("documents"))
    )
    for task_id, state, n in sums:
        by_task.setdefault(task_id, {})[state] = int(n)
    drafts = {
        draft.task_id: draft for draft in LabelingTaskVersion.objects.filter(first_in_use_at=None, set_aside_at=None)
    }
    waits, scores = waiting.of_tasks(settings), gold.scores_in_use(tasks)
    return [
        TaskLine(
            task,
            task.n,
            drafts.get(task.pk),
            getattr(task, "gate", None),
            by_task.get(task.pk, {}),
            waits.get(task.pk, []),
            scores.get(task.pk),
        )
        for task in tasks
    ]


def task_view(task: LabelingTask) -> TaskView:
    states, documents, tried = _counts(task)
    money: dict[int, Any] = {
        row["version_id"]: dict(row)
        for row in SpendTally.objects.filter(version__task=task)
        .order_by()
        .values("version_id")
        .annotate(n=Sum("results"), good=Sum("usable"), paid=Sum("paid_usd"), no_price=Sum("unpriced"))
    }
    all_versions = task.versions.select_related("created_by").order_by("-number")
    versions = list(all_versions[: MOST_VERSIONS + 1])
    scores = gold.scores(task)
    in_use = task.version_in_use
    waits = what_waits(in_use) if in_use else None
    lines = []
    for version, before in zip(versions, [*versions[1:], None], strict=True):
        spent = money.get(version.pk, {})
        lines.append(
            VersionLine(
                version,
                documents.get(version.pk, 0),
                tried.get(version.pk, 0),
                int(spent.get("n") or 0),
                int(spent.get("good") or 0),
                spent.get("paid") or Decimal(0),
                int(spent.get("no_price") or 0),
                scores.get(version.pk),
                differences.in_words(before.spec, version.spec) if before else "",
            )
        )
    return TaskView(
        task=task,
        states={state: states[state] for state in DocumentState},
        versions=lines[:MOST_VERSIONS],
        all_versions=len(versions) if len(versions) <= MOST_VERSIONS else task.versions.count(),
        waiting_on_old=waits.documents if waits else 0,
        is_moving=task.versions.filter(moves_to__isnull=False).exists(),
        move_price=waits.price_after if waits and waits.documents else None,
    )


def change(version: LabelingTaskVersion, against: LabelingTaskVersion | None = None) -> Change | None:
    """Against the version that is named, else the one in use, else the one before; None where there is none."""
    others = LabelingTaskVersion.objects.filter(task=version.task_id).exclude(pk=version.pk)
    if against is None and version.first_in_use_at is None:
        against = version.task.version_in_use
    against = against or others.filter(number__lt=version.number).order_by("-number").first()
    if against is None:
        return None
    return Change(against, differences.compare(against.spec, version.spec))


def price_in_effect(model: str) -> ModelPrice | None:
    """Today's price of the model's first tier."""
    prices = ModelPrice.objects.filter(model=model, above_prompt_tokens=0, effective_from__lte=timezone.now().date())
    return prices.order_by("-effective_from").first()


def _counts(task: LabelingTask) -> tuple[Counter[str], Counter[int], Counter[int]]:
    """Documents by state and by version, and by version those of trials, which are there already under another one."""
    states: Counter[str] = Counter()
    documents: Counter[int] = Counter()
    tried: Counter[int] = Counter()
    sums = DocumentTally.objects.filter(version__task=task).order_by()
    for version_id, state, kind, n in sums.values_list("version_id", "state", "upload__kind").annotate(
        n=Sum("documents")
    ):
        if kind == UploadKind.TRIAL:
            tried[version_id] += int(n)
        else:
            documents[version_id] += int(n)
            states[state] += int(n)
    return states, documents, tried
