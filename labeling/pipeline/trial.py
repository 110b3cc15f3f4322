"""Try a few first: what a person decides when the answers of a trial are in, or when they do not come."""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from labeling import activity, faults
from labeling.configuration import Configuration
from labeling.models import Document, Trial
from labeling.querysets import DocumentQuerySet
from labeling.states import HoldKind, TrialDecision, Way
from labeling.transitions import holds, trials, withdrawing

AT_ONCE = timedelta(milliseconds=500)
PER_TICK = timedelta(seconds=15)


def send_rest(trial: Trial, way: Way, *, by: Any) -> bool:
    """False if somebody decided first, or withdrew the upload."""
    with transaction.atomic():
        if not trials.send_rest(trial, way, by=activity.name_of(by), now=timezone.now()):
            return False
        sentence = f"Sends the rest of {trial.upload.file_name} after a trial, {way}"
        activity.record(by, sentence, f"U-{trial.upload_id}")
    faults.reach("trial: rest sent")
    return True


def discard_rest(trial: Trial, settings: Configuration, *, by: Any) -> bool:
    """What was not tried is withdrawn; what was tried stays. False if somebody decided first."""
    with transaction.atomic():
        if not trials.discard_rest(trial, by=activity.name_of(by), now=timezone.now()):
            return False
        activity.record(by, f"Discarded the rest of {trial.upload.file_name} after a trial", f"U-{trial.upload_id}")
    faults.reach("trial: rest discarded")
    _withdraw_rest(trial, settings, AT_ONCE)
    return True


def go_on(settings: Configuration) -> int:
    """For a tick: trials whose rest is not wholly withdrawn yet."""
    unfinished = list(_unfinished())
    for trial in unfinished:
        _withdraw_rest(trial, settings, PER_TICK / len(unfinished))
    return len(unfinished)


def _unfinished() -> QuerySet[Trial]:
    """The hold of a discarded trial ends with its last portion."""
    return Trial.objects.filter(decision=TrialDecision.DISCARDED, upload__hold_kind=HoldKind.TRIAL).select_related(
        "upload"
    )


def _withdraw_rest(trial: Trial, settings: Configuration, most: timedelta) -> None:
    end = timezone.now() + most
    while True:
        portion = list(_rest(trial).order_by("pk").values_list("pk", flat=True)[: withdrawing.PORTION])
        if not portion:
            holds.release(trial.upload, HoldKind.TRIAL, now=timezone.now())
            return
        withdrawing.withdraw(Document.objects.filter(pk__in=portion), zone=settings.time_zone)
        faults.reach("trial: portion withdrawn")
        if timezone.now() >= end:
            return


def _rest(trial: Trial) -> DocumentQuerySet:
    return Document.objects.waiting().filter(upload=trial.upload_id, trialdocument__isnull=True)
