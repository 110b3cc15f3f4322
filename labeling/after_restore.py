"""What is still to be settled after a backup was restored: asked by the stage, the page, and `status`."""

from datetime import timedelta

from django.utils import timezone

from labeling.configuration import Configuration
from labeling.models import Document, FoundBatch, Restoration
from labeling.states import DocumentState


def unsettled() -> Restoration | None:
    return Restoration.objects.filter(settled_at=None).first()


def waiting() -> int:
    """Leaders that would leave if everything were opened: in no batch that was found, and nobody can say more."""
    return Document.objects.leaders().filter(state=DocumentState.QUEUED).count()


def hindrances(restoration: Restoration, settings: Configuration) -> list[str]:
    """Why it cannot be settled yet; empty when a person may decide.

    The list is believed when it was read the grace time after the restore: how fast it shows a new batch is not known.
    """
    found = []
    sure_from = restoration.restored_at + timedelta(seconds=settings.doubt_grace_seconds)
    if restoration.listed_at is None:
        found.append(f"The API's list of Message Batches was not read yet. {restoration.note}".strip())
    elif restoration.listed_at < sure_from:
        then = timezone.localtime(sure_from)
        found.append(f"The API's list is read once more after {then:%H:%M %Z}, because it may be late.")
    open_ones = FoundBatch.objects.open().filter(restoration=restoration).count()
    if open_ones:
        words = (
            "Message Batch since the backup still runs, or its"
            if open_ones == 1
            else ("Message Batches since the backup still run, or their")
        )
        found.append(f"{open_ones} {words} answers are not all stored.")
    return found
