"""Before many documents of a new version are sent, one of them goes in real time: the canary.

The canary is a document like any other, sent through the urgent lane; here it is only chosen, and its
end is read. HTTP 200 and not cut off proves the params, whatever the answer says.
"""

from datetime import datetime

from django.db import transaction

from labeling import activity, counts, faults
from labeling.configuration import Configuration
from labeling.models import Canary, Document, LabelingTaskVersion, Request
from labeling.states import CanaryState, DocumentState, FailureReason, Lane, Outcome, Way
from labeling.transitions import gates, ways

_REFUSED = (FailureReason.INVALID_REQUEST, FailureReason.CUT_OFF, FailureReason.CONFIGURATION)


def arrange(settings: Configuration, now: datetime) -> None:
    """Read the canaries that have ended and send one for each version that wants it."""
    for canary in Canary.objects.filter(state=CanaryState.SENT).select_related("version__task"):
        _read(canary, now)
    if not settings.canary:
        return
    for version in LabelingTaskVersion.objects.filter(pk__in=counts.unproved_versions(now)).exclude(
        task__gate__closed_at__isnull=False
    ):
        if not (_is_proved(version, now) or _prove_by_trial(version, now) or _is_under_way(version)):
            _send(version, now)


def _is_proved(version: LabelingTaskVersion, now: datetime) -> bool:
    return counts.proved_canaries(now).filter(version=version).exists()


def _prove_by_trial(version: LabelingTaskVersion, now: datetime) -> bool:
    """An answer of a trial proves as much as that of a canary: nothing is sent for it again."""
    tried = (
        Request.objects.filter(version=version, lane=Lane.URGENT, outcome=Outcome.SUCCEEDED)
        .filter(document__trialdocument__isnull=False, ended_at__gt=now - counts.CANARY_LASTS)
        .exclude(result__failure_reason__in=_REFUSED)
        .exclude(counts.model_changed_since("ended_at"))
        .order_by("-pk")
        .first()
    )
    if tried:
        Canary.objects.create(
            version=version,
            document_id=tried.document_id,
            state=CanaryState.PROVED,
            sent_at=tried.created_at,
            decided_at=tried.ended_at,
            why="proved by a trial",
        )
    return tried is not None


def _is_under_way(version: LabelingTaskVersion) -> bool:
    return version.canaries.filter(state=CanaryState.SENT).exists()


def _send(version: LabelingTaskVersion, now: datetime) -> None:
    """The oldest waiting document goes urgently; nothing is sent here."""
    with transaction.atomic():
        chosen = (
            Document.objects.may_leave(now).filter(version=version).order_by("pk").values_list("pk", flat=True).first()
        )
        if chosen is None:
            return
        one = Document.objects.filter(pk=chosen)
        if one.get().way == Way.URGENT or ways.change_way(one, Way.URGENT):
            Canary.objects.create(version=version, document_id=chosen, sent_at=now)
        faults.reach("canary: choosing")
    faults.reach("canary: sent")


def _read(canary: Canary, now: datetime) -> None:
    """The canary's last real-time request decides; while it waits or goes again there is nothing to read.

    The document is looked at first: a call that ends between the two looks is then not taken for lost.
    """
    is_on_its_way = _is_on_its_way(canary)
    request = (
        Request.objects.filter(
            document=canary.document_id, version=canary.version, lane=Lane.URGENT, created_at__gte=canary.sent_at
        )
        .exclude(outcome__in=(Outcome.OPEN, Outcome.NOT_SENT))
        .order_by("-pk")
        .first()
    )
    faults.reach("canary: read")
    result = getattr(request, "result", None)
    if result and result.failure_reason in _REFUSED:
        _fail(canary, result.answer or result.failure_reason, now)
    elif request and request.outcome == Outcome.SUCCEEDED:
        Canary.objects.filter(pk=canary.pk).update(state=CanaryState.PROVED, decided_at=now)
    elif not is_on_its_way:
        # Nothing was proved, and nothing will be: the next document tries.
        canary.delete()
    faults.reach("canary: decided")


def _is_on_its_way(canary: Canary) -> bool:
    """Under its own version: a document that moved to another proves nothing of this one."""
    document = Document.objects.filter(pk=canary.document_id, version=canary.version, way=Way.URGENT)
    return document.filter(state__in=(DocumentState.QUEUED, DocumentState.BATCHED)).exists()


def _fail(canary: Canary, why: str, now: datetime) -> None:
    """Hold this labeling task only; putting a corrected version in use or resuming sends another canary."""
    task = canary.version.task
    with transaction.atomic():
        Canary.objects.filter(pk=canary.pk).update(state=CanaryState.FAILED, decided_at=now, why=why)
        sentence = f"The canary of {canary.version} failed: {why}"
        if gates.close_gate(task, by="canary", kind="canary", reason=sentence):
            activity.record("canary", sentence, f"task:{task.slug}")
        faults.reach("canary: failing")
