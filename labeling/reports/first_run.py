"""The first five minutes of a house: four steps to the first labels, each ticked off by what is there."""

from collections.abc import Sequence
from dataclasses import dataclass

from labeling.models import LabelingTask, Trial, Upload
from labeling.states import UploadKind, UploadState

from .balance import Balance


@dataclass(frozen=True, slots=True)
class Step:
    """`name` says which one; the first that is not done is the one to take."""

    name: str
    is_done: bool


@dataclass(frozen=True, slots=True)
class FirstRun:
    steps: Sequence[Step]
    upload: Upload | None
    """The newest file, on whose page the last two steps are."""

    @property
    def done(self) -> int:
        return sum(step.is_done for step in self.steps)

    @property
    def next(self) -> Step:
        return next(step for step in self.steps if not step.is_done)


def first_run(balance: Balance) -> FirstRun | None:
    """None as soon as there are labels, for good: labels that are withdrawn were seen, too."""
    if balance.labeled or balance.withdrawn:
        return None
    upload = Upload.objects.filter(kind=UploadKind.FILE).exclude(state=UploadState.DISCARDED).order_by("-pk").first()
    steps = (
        Step("task", LabelingTask.objects.filter(version_in_use__isnull=False).exists()),
        Step("upload", upload is not None),
        Step("try", Trial.objects.exists()),
        Step("labels", False),
    )
    return FirstRun(steps, upload)
