"""Sending again what failed, or labeling anew what has a label, because a person said so."""

from collections.abc import Sequence
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from labeling.models import Document, LabelingTaskVersion
from labeling.querysets import DocumentQuerySet
from labeling.states import DocumentState, Way

from .copies import follow_leaders, promote_heirs
from .locking import lock_tasks_of_versions
from .uploads import reopen

MAY_GO_AGAIN = (DocumentState.LABELED, DocumentState.FAILED)


def label_again(documents: DocumentQuerySet, way: Way, version: LabelingTaskVersion | None = None) -> int:
    """labeled or failed to queued, with a version of their task; None is the one in use.

    The label that was there stays until a better one arrives. A copy takes its leader and the other copies along.
    A text that the version has labeled already becomes a copy of that document, and nothing is paid again. Documents
    that wait or are in flight, are withdrawn, or belong to another task than the version stay as they are.
    """
    if version is not None:
        documents = documents.filter(version__task=version.task_id)
    return queue_again(documents, way, version=version, states=MAY_GO_AGAIN)


def queue_again(
    documents: DocumentQuerySet,
    way: Way,
    *,
    version: LabelingTaskVersion | None = None,
    states: Sequence[DocumentState] = (DocumentState.FAILED,),
) -> int:
    """failed to queued because a person said so, with the version of their task that is in use now.

    The label that was there stays until a better one arrives. Retrying a copy means retrying its leader,
    and the copies of a leader go with it. `label_again` takes more states and another version.
    """
    now = timezone.now()
    again: dict[str, Any] = {
        "state": DocumentState.QUEUED,
        "way": way,
        "queued_at": now,
        "not_before": None,
        "failure_reason": "",
        "closed_at": None,
        "closed_reason": "",
        "attempts_before": F("attempts"),
    }
    over = documents.filter(erasure=None, state__in=states)
    with transaction.atomic():
        leaders = set(over.leaders().values_list("pk", flat=True))
        leaders |= set(over.exclude(leader=None).values_list("leader_id", flat=True))
        family = Q(pk__in=leaders) | Q(leader_id__in=leaders)
        together = list(Document.objects.filter(family, erasure=None, state__in=states).values_list("pk", flat=True))
        known = set(together)
        followed = _take_version([pk for pk in leaders if pk in known], version)
        moved = Document.objects.filter(pk__in=together, state__in=states).update(**again)
        follow_leaders(followed)
        promote_heirs()
        reopen(together)
    return moved


def _take_version(leader_ids: Sequence[int], version: LabelingTaskVersion | None) -> list[int]:
    """Leaders and their copies move to a version, None: the one in use; whose text it knows already becomes a copy.

    Returns the leaders that were there before.
    """
    versions = Document.objects.filter(pk__in=leader_ids).order_by().values_list("version", flat=True).distinct()
    lock_tasks_of_versions(list(versions))
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_VERSION, {"leaders": list(leader_ids), "version": version.pk if version else None})
        leads = {row[0] for row in cursor.fetchall() if row[0] is not None}
    return sorted(leads - set(leader_ids))


_TAKE_VERSION = """
    WITH target AS (
        SELECT d.id, d.sha256, COALESCE(%(version)s, t.version_in_use_id) AS version_id
        FROM labeling_document d
        JOIN labeling_labelingtaskversion v ON v.id = d.version_id
        JOIN labeling_labelingtask t ON t.id = v.task_id
        WHERE d.id = ANY(%(leaders)s) AND d.leader_id IS NULL
            AND COALESCE(%(version)s, t.version_in_use_id) <> d.version_id
    ), placed AS (
        SELECT target.id, target.version_id, COALESCE(
            known.id, first_value(target.id) OVER (PARTITION BY target.version_id, target.sha256 ORDER BY target.id)
        ) AS leader_id
        FROM target
        LEFT JOIN labeling_document known
            ON known.version_id = target.version_id AND known.sha256 = target.sha256 AND known.leader_id IS NULL
    ), family AS (
        SELECT id, version_id, leader_id FROM placed
        UNION ALL
        SELECT c.id, placed.version_id, placed.leader_id FROM placed JOIN labeling_document c ON c.leader_id = placed.id
    )
    UPDATE labeling_document d SET version_id = family.version_id, leader_id = NULLIF(family.leader_id, d.id)
    FROM family WHERE d.id = family.id
    RETURNING d.leader_id
"""
