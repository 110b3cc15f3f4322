"""Labeling again what has a label or has failed, because a person wants another answer."""

from django.db import transaction

from labeling.models import LabelingTaskVersion
from labeling.querysets import DocumentQuerySet
from labeling.states import DocumentState, Way

from .documents import queue_again

MAY_GO_AGAIN = (DocumentState.LABELED, DocumentState.FAILED)


def label_again(documents: DocumentQuerySet, way: Way, version: LabelingTaskVersion | None = None) -> int:
    """labeled or failed to queued, with a version of their task; None is the one in use.

    The label that was there stays until a better one arrives. A copy takes its leader and the other copies along.
    A text that the version has labeled already becomes a copy of that document, and nothing is paid again. Documents
    that wait or are in flight, are withdrawn, or belong to another task than the version stay as they are.
    """
    if version is not None:
        documents = documents.filter(version__task=version.task_id)
    with transaction.atomic():
        return queue_again(documents, way, version=version, states=MAY_GO_AGAIN)
