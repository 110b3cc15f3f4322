"""Which version of a task is in use, and the waiting documents that move to it.

Whoever imports documents of a task, sends failures of it again, or moves its documents holds the lock of
the task: so no leader appears under a version while another becomes one of the same text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Max
from django.utils import timezone

from labeling import faults
from labeling.messages.prompts import Spec
from labeling.models import Gate, LabelingTask, LabelingTaskVersion, Upload
from labeling.states import UploadState

from .copies import promote_heirs
from .gates import ensure_gates, open_gate
from .locking import lock_task_alone

MOVED_AT_ONCE = 5_000
"""Leaders that one statement moves; their copies come along."""

_NOT_IMPORTED = (UploadState.RECEIVED, UploadState.CHECKED, UploadState.IMPORTING)


Place = tuple[str, int, int]
"""Way, upload and id of a document: the order of the index of what waits."""

THE_BEGINNING: Place = ("", 0, 0)


@dataclass(frozen=True, slots=True)
class Moved:
    """What one statement did: documents moved, and the place of the last leader; None when it saw none."""

    documents: int
    last: "Place | None"


def create(task: LabelingTask, spec: Spec, by: Any, *, is_draft: bool) -> LabelingTaskVersion:
    """The next version of a task: its draft, or one that is about to be put in use."""
    last = task.versions.aggregate(n=Max("number"))["n"] or 0
    in_use_at = None if is_draft else timezone.now()
    return LabelingTaskVersion.objects.create(
        task=task, number=last + 1, **_content(spec), created_by=_user(by), first_in_use_at=in_use_at
    )


def save_over(draft: LabelingTaskVersion, spec: Spec, by: Any) -> None:
    """Other words for a draft that nobody used; the caller holds the lock of the task, so nobody begins to."""
    content = _content(spec)
    LabelingTaskVersion.objects.filter(pk=draft.pk).update(
        **content, revision=F("revision") + 1, created_at=timezone.now(), created_by=_user(by)
    )
    draft.refresh_from_db()


def _content(spec: Spec) -> dict[str, Any]:
    return {
        "kind": spec.kind,
        "instructions": spec.instructions,
        "labels": [{"name": label.name, "description": label.description} for label in spec.labels],
        "schema": spec.schema,
        "model": spec.model,
        "max_tokens": spec.max_tokens,
        "thinking": spec.thinking or "",
        "effort": spec.effort or "",
        "fingerprint": spec.fingerprint(),
    }


def _user(by: Any) -> Any:
    return by if hasattr(by, "get_username") else None


def put_in_use(task: LabelingTask, version: LabelingTaskVersion, *, by: str, move: bool) -> None:
    """The version becomes that of new uploads; with `move`, what waits under earlier ones is to follow it.

    Uploads that are not wholly imported go on with the new version, too, when the others move. The caller holds
    the lock of the task and its row.
    """
    now = timezone.now()
    LabelingTaskVersion.objects.filter(pk=version.pk).update(
        first_in_use_at=version.first_in_use_at or now, set_aside_at=None, set_aside_by="", moves_to=None
    )
    LabelingTask.objects.filter(pk=task.pk).update(version_in_use=version, in_use_since=now, in_use_by=by[:150])
    ensure_gates()
    if Gate.objects.filter(task=task, kind="canary").exists():
        # What failed was the version before.
        open_gate(task)
    version.refresh_from_db()
    if move:
        move_to(task, version)


def move_to(task: LabelingTask, version: LabelingTaskVersion) -> None:
    """What waits under versions of the task that were in use is to be moved to this one, and does not leave before."""
    earlier = LabelingTaskVersion.objects.filter(task=task, first_in_use_at__isnull=False).exclude(pk=version.pk)
    earlier.update(moves_to=version)
    Upload.objects.filter(version__in=earlier, state__in=_NOT_IMPORTED).update(version=version)


def move_some(source: LabelingTaskVersion, after: Place, most: int = MOVED_AT_ONCE) -> Moved:
    """The next waiting leaders of a version and their copies move to where it moves, in one guarded statement.

    A text that the other version knows already becomes a copy of its leader there, labeled or failed with it.
    Rows that somebody holds at this moment are passed over: they are being built, or change otherwise.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        lock_task_alone(source.task_id)
        target = LabelingTaskVersion.objects.filter(pk=source.pk).values_list("moves_to", flat=True).first()
        if target is None:
            return Moved(0, None)
        way, upload, document = after
        place: dict[str, Any] = {"way": way, "upload": upload, "id": document, "most": most}
        cursor.execute(_MOVE, {"source": source.pk, "target": target, **place})
        documents, *last, known = cursor.fetchone()
        if known:
            _follow(known)
        faults.reach("move: moving")
    faults.reach("move: moved")
    return Moved(documents, (last[0], last[1], last[2]) if last[0] else None)


def finish_move(source: LabelingTaskVersion) -> bool:
    """Nothing is left to move; False while a leader still waits there."""
    with connection.cursor() as cursor:
        cursor.execute(_FINISH, {"source": source.pk})
        return bool(cursor.rowcount)


def _follow(known: Sequence[int]) -> None:
    """Leaders of the new version that got copies: these leave no later than their copies would have, and
    where one was withdrawn a copy takes over."""
    with connection.cursor() as cursor:
        for step in (_PULL_ALONG, _FOLLOW):
            cursor.execute(step, {"leaders": list(known)})
    promote_heirs(known)


_MOVE = """
    WITH moving AS MATERIALIZED (
        SELECT id, sha256, way, upload_id FROM labeling_document
        WHERE version_id = %(source)s AND state = 'queued' AND leader_id IS NULL
            AND (way, upload_id, id) > (%(way)s, %(upload)s, %(id)s)
        ORDER BY way, upload_id, id LIMIT %(most)s FOR UPDATE SKIP LOCKED
    ), placed AS MATERIALIZED (
        SELECT m.id, known.id AS known_id
        FROM moving m LEFT JOIN labeling_document known
            ON known.version_id = %(target)s AND known.sha256 = m.sha256 AND known.leader_id IS NULL
    ), family AS (
        SELECT id, known_id AS leader_id FROM placed
        UNION ALL
        SELECT c.id, COALESCE(p.known_id, p.id) FROM placed p JOIN labeling_document c ON c.leader_id = p.id
    ), moved AS (
        UPDATE labeling_document d SET version_id = %(target)s, leader_id = family.leader_id
        FROM family WHERE d.id = family.id
        RETURNING d.id
    )
    SELECT (SELECT count(*) FROM moved), last.way, last.upload_id, last.id,
        ARRAY(SELECT DISTINCT known_id FROM placed WHERE known_id IS NOT NULL)
    FROM (SELECT 1) AS one LEFT JOIN (
        SELECT way, upload_id, id FROM moving ORDER BY way DESC, upload_id DESC, id DESC LIMIT 1
    ) AS last ON TRUE
"""

_PULL_ALONG = """
    WITH wish AS (
        SELECT leader_id, max(array_position(ARRAY['tonight', 'now', 'urgent'], way::text)) AS haste
        FROM labeling_document WHERE leader_id = ANY(%(leaders)s) AND state = 'queued' GROUP BY leader_id
    ), slower AS MATERIALIZED (
        SELECT l.id, wish.haste FROM labeling_document l JOIN wish ON wish.leader_id = l.id
        WHERE l.state = 'queued' AND array_position(ARRAY['tonight', 'now', 'urgent'], l.way::text) < wish.haste
        FOR UPDATE OF l SKIP LOCKED
    )
    UPDATE labeling_document l
    SET way = (ARRAY['tonight', 'now', 'urgent'])[slower.haste], queued_at = now(), not_before = NULL
    FROM slower WHERE l.id = slower.id
"""

_FOLLOW = """
    UPDATE labeling_document c
    SET state = l.state, result_id = COALESCE(l.result_id, c.result_id), failure_reason = l.failure_reason,
        not_before = NULL
    FROM labeling_document l
    WHERE l.id = ANY(%(leaders)s) AND c.leader_id = l.id AND c.state = 'queued' AND l.state IN ('labeled', 'failed')
"""

_FINISH = """
    UPDATE labeling_labelingtaskversion v SET moves_to_id = NULL
    WHERE v.id = %(source)s AND v.moves_to_id IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM labeling_document d
        WHERE d.version_id = v.id AND d.state = 'queued' AND d.leader_id IS NULL
    )
"""
