"""Why a labeling task waits, and what *send now* would send of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Sum

from labeling import waiting
from labeling.configuration import Configuration
from labeling.models import DocumentTally, LabelingTask, SendOrder, Upload
from labeling.money.estimating import Estimate, Load, together
from labeling.states import DocumentState, Way

from .prices import price_book


@dataclass(frozen=True, slots=True)
class Standing:
    """`tonight`: documents that wait for tonight and are not held; `order`: somebody sends them already."""

    waits: Sequence[waiting.Waiting]
    tonight: int
    estimate: Estimate
    order: SendOrder | None


def standing(task: LabelingTask, settings: Configuration) -> Standing:
    """From the tallies: it counts no document."""
    tallies = DocumentTally.objects.filter(
        version__task=task, state=DocumentState.QUEUED, way=Way.TONIGHT, upload__in=Upload.objects.filter(hold_kind="")
    )
    sums = tallies.order_by().values_list("version_id")
    loads = list(sums.annotate(n=Sum("documents"), to_pay=Sum("leaders"), size=Sum("leader_bytes")))
    book = price_book({version_id for version_id, *_ in loads})
    return Standing(
        waits=waiting.of_task(settings, task.pk),
        tonight=sum(int(n) for _, n, _, _ in loads),
        estimate=together(book.estimate(pk, Load(int(to_pay), int(size))) for pk, _, to_pay, size in loads),
        order=SendOrder.objects.pending().filter(task=task).first(),
    )
