"""The beginnings of texts, for lists: one query for a page, and never a whole text."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models.functions import Left

from labeling.models import DocumentText


@dataclass(frozen=True, slots=True)
class Excerpt:
    """How a text begins; everything is blank once it was erased."""

    text: str = ""
    external_id: str = ""
    gold_label: str = ""


ERASED = Excerpt()


def excerpts(document_ids: Iterable[int], length: int) -> dict[int, Excerpt]:
    """By document; `length` in characters. A document whose text was erased is absent."""
    rows = (
        DocumentText.objects.filter(pk__in=list(document_ids))
        .annotate(excerpt=Left("text", length))
        .values_list("document_id", "excerpt", "external_id", "gold_label")
    )
    return {pk: Excerpt(text, external_id, gold) for pk, text, external_id, gold in rows}
