"""Some documents of an upload are tried; the others are held until a person decides, once."""

from datetime import datetime

from django.db import connection, transaction

from labeling.models import SendOrder, Trial, Upload
from labeling.states import HoldKind, OrderState, TrialDecision, UploadState, Way

from . import holds

_CHOOSE = """
    WITH open_trial AS (
        SELECT id, upload_id, wanted FROM labeling_trial
        WHERE upload_id = %(upload)s AND decision = '' AND chosen_at IS NULL FOR UPDATE
    ), chosen AS (
        SELECT d.id, t.id AS trial_id FROM open_trial t JOIN labeling_document d ON d.upload_id = t.upload_id
        WHERE d.state = 'queued' AND d.leader_id IS NULL
        ORDER BY random() LIMIT (SELECT wanted FROM open_trial)
    ), kept AS (
        INSERT INTO labeling_trialdocument (document_id, trial_id) SELECT id, trial_id FROM chosen
    ), hurried AS (
        UPDATE labeling_document d SET way = 'urgent', queued_at = %(now)s FROM chosen WHERE d.id = chosen.id
    )
    UPDATE labeling_trial t SET chosen_at = %(now)s FROM open_trial WHERE t.id = open_trial.id
"""


def begin(upload: Upload, wanted: int, *, by: str, now: datetime) -> bool:
    """The upload is held from its first row on; False if it is held already."""
    with transaction.atomic():
        if not holds.hold(upload, HoldKind.TRIAL, by=by, now=now, until=None, reason=f"{wanted} are tried first"):
            return False
        Trial.objects.create(upload=upload, version=upload.version, wanted=wanted, started_at=now, started_by=by)
    return True


def choose(upload: Upload, now: datetime) -> None:
    """At random and only once: called in the transaction that makes the upload ready. Copies are never chosen."""
    with connection.cursor() as cursor:
        cursor.execute(_CHOOSE, {"upload": upload.pk, "now": now})


def send_rest(trial: Trial, way: Way, *, by: str, now: datetime) -> bool:
    """The others leave too; False if it was decided, or the upload withdrawn, meanwhile."""
    with transaction.atomic():
        upload = _lock_ready(trial)
        if upload is None or not _decide(trial, TrialDecision.SENT, by=by, now=now):
            return False
        holds.release(upload, HoldKind.TRIAL, now=now)
        if upload.way != way:
            # A tick lets them change their way before it builds: there may be a million.
            SendOrder.objects.filter(upload=upload, state=OrderState.PENDING).update(
                state=OrderState.UNDONE, ended_at=now, ended_by=by
            )
            SendOrder.objects.create(upload=upload, way=way, ordered_at=now, ordered_by=by, leaves_at=now)
            Upload.objects.filter(pk=upload.pk).update(way=way)
    return True


def discard_rest(trial: Trial, *, by: str, now: datetime) -> bool:
    """The others are to be withdrawn, portion by portion; until then they stay held."""
    with transaction.atomic():
        return _lock_ready(trial) is not None and _decide(trial, TrialDecision.DISCARDED, by=by, now=now)


def _lock_ready(trial: Trial) -> Upload | None:
    return Upload.objects.select_for_update(no_key=True).filter(pk=trial.upload_id, state=UploadState.READY).first()


def _decide(trial: Trial, decision: TrialDecision, *, by: str, now: datetime) -> bool:
    undecided = Trial.objects.filter(pk=trial.pk, decision="", chosen_at__isnull=False)
    return bool(undecided.update(decision=decision, decided_at=now, decided_by=by))
