"""What a person may send again, and its price: failed documents that are still open, of a batch or ticked."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, Q, Sum

from labeling.models import Batch, Document, LabelingTaskVersion, Request
from labeling.money.estimating import Estimate, Load
from labeling.querysets import DocumentQuerySet
from labeling.states import Outcome

from .prices import price_book


@dataclass(frozen=True, slots=True)
class Offer:
    """So many documents under one version; `each` is the estimate of one of them. Copies cost nothing."""

    documents: int
    all: Estimate
    each: Estimate


def failed_of(batch: Batch, *, outcome: str = "", request_ids: Sequence[int] | None = None) -> DocumentQuerySet:
    """Open failures among the documents of a batch: of one outcome, of some requests, or all of them."""
    requests = Request.objects.filter(batch=batch)
    if outcome in set(Outcome):
        requests = requests.filter(outcome=outcome)
    if request_ids is not None:
        requests = requests.filter(pk__in=request_ids)
    return Document.objects.need_a_person().filter(pk__in=requests.values("document_id"))


def versions_of(batch: Batch) -> Sequence[LabelingTaskVersion]:
    """What they can be sent again with, the newest first; drafts come into use on the page of the task."""
    newest = batch.version.task.version_in_use
    versions = batch.version.task.versions.order_by("-number")
    return list(versions.filter(number__lte=newest.number) if newest else versions)


def offer(batch: Batch, *, outcome: str = "", version: LabelingTaskVersion | None = None) -> Offer | None:
    """What sending all of them again costs, with the version in use or another; None where nothing failed."""
    version_id = version.pk if version else batch.version.task.version_in_use_id or batch.version_id
    return price_of(failed_of(batch, outcome=outcome), version_id)


def price_of(documents: DocumentQuerySet, version_id: int) -> Offer | None:
    """What sending these again costs; None where there are none."""
    sums = documents.aggregate(
        n=Count("pk"),
        to_pay=Count("pk", filter=Q(leader=None)),
        size=Sum("encoded_bytes", filter=Q(leader=None), default=0),
    )
    if not sums["n"]:
        return None
    prices, load = price_book([version_id]), Load(sums["to_pay"], int(sums["size"]))
    return Offer(sums["n"], prices.estimate(version_id, load), prices.estimate(version_id, load.part(1)))
