"""Documents are noted under a key, so that what was seen is what is done."""

from collections.abc import Collection

from django.db import transaction
from django.utils import timezone

from labeling.models import SelectedDocument, Selection


def note(selection: Selection, ids: Collection[int]) -> Selection:
    """A new selection of a few documents; the many of a search are noted by a statement."""
    with transaction.atomic():
        selection.save()
        SelectedDocument.objects.bulk_create(SelectedDocument(selection=selection, document_id=pk) for pk in ids)
        freeze(selection, len(ids))
    return selection


def freeze(selection: Selection, documents: int) -> None:
    """All of it is noted now."""
    selection.documents, selection.frozen_at = documents, timezone.now()
    selection.save(update_fields=("documents", "frozen_at"))
