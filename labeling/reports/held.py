"""What is held and would leave if it were released, with its price."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Sum

from labeling.models import DocumentTally, Upload
from labeling.money.estimating import Load, Span, add_spans
from labeling.states import DocumentState, Way

from .prices import price_book

MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Held:
    """An upload that a person or a trial holds, and about what its waiting documents cost the way they leave."""

    upload: Upload
    price: Span


def held_uploads() -> list[Held]:
    """The oldest first; a fixed number of queries, and none of them counts documents."""
    uploads = list(Upload.objects.held().order_by("pk")[:MOST_SHOWN])
    prices = leaving_prices(upload.pk for upload in uploads)
    return [Held(upload, prices[upload.pk]) for upload in uploads]


def leaving_prices(upload_ids: Iterable[int]) -> dict[int, Span]:
    """About what the waiting documents of each upload cost, each the way it leaves; nothing costs nothing."""
    found: dict[int, list[tuple[int, Way, Load]]] = {pk: [] for pk in upload_ids}
    sums = (
        DocumentTally.objects.filter(upload__in=found, state=DocumentState.QUEUED)
        .order_by()
        .values_list("upload_id", "version_id", "way")
        .annotate(n=Sum("leaders"), size=Sum("leader_bytes"))
    )
    for upload_id, version_id, way, n, size in sums if found else ():
        found[upload_id].append((version_id, Way(way), Load(int(n), int(size))))
    book = price_book({version_id for waiting in found.values() for version_id, _, _ in waiting})
    return {
        pk: add_spans(book.estimate(version_id, load).price(way) for version_id, way, load in waiting)
        for pk, waiting in found.items()
    }
