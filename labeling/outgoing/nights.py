"""When a night is complete or has failed: a ping to whoever watches from outside, and the morning report."""

from datetime import datetime, timedelta

from labeling import nights
from labeling.configuration import Configuration, ReportWhen
from labeling.models import Batch, Document, Night, Upload
from labeling.reports import morning
from labeling.states import NoticeKind, UploadState
from labeling.transitions import nights as moves
from labeling.transitions import notices

from .alarms import house
from .receivers import FAIL_PING, PING, addresses, link, names

LOOKED_BACK = timedelta(days=2)
"""Nights that were due earlier are history: nobody is told of them any more."""

EMPTY_TOLD_WITHIN = timedelta(hours=1)
"""A night of which nothing was sent is told at its hour or not at all: nobody wants that from a fresh installation."""


def look(settings: Configuration, now: datetime) -> None:
    for night in Night.objects.filter(due_at__gt=now - LOOKED_BACK, due_at__lte=now).order_by("date"):
        if night.completed_at is None and is_complete(night, settings, now):
            moves.complete(night, now)
        _ping(night, settings, now)
        _report(night, settings, now)


def is_complete(night: Night, settings: Configuration, now: datetime) -> bool:
    """Nothing that was due for it waits or is on its way any more.

    A pause of everything keeps it open, because its documents should have left; a task that a person holds does not.
    """
    late = timedelta(minutes=settings.late_upload_minutes)
    still_importing = Upload.objects.filter(
        state=UploadState.IMPORTING, confirmed_at__lte=night.due_at, confirmed_at__gt=now - late - timedelta(days=1)
    )
    if now < night.due_at + late and still_importing.exists():
        return False
    return not (
        Batch.objects.open().filter(night=night).exists() or Document.objects.due_for_the_night(night.due_at).exists()
    )


def failure(night: Night, settings: Configuration, now: datetime) -> str:
    """Why a night failed, in a few words; empty while it has not."""
    _, latest_due_at = nights.latest_due(now, settings.night, settings.zone)
    if night.completed_at:
        found = morning.morning(night, settings, now)
        return "nothing was answered" if found.sent and not found.answered else ""
    if latest_due_at > night.due_at:
        return "not complete when the next night was due"
    is_late = now >= night.due_at + timedelta(minutes=settings.night_late_minutes)
    return (
        "not sent"
        if is_late and night.left_at is None and Document.objects.due_for_the_night(night.due_at).exists()
        else ""
    )


def _ping(night: Night, settings: Configuration, now: datetime) -> None:
    """Once when it is complete; once, to its own address, when it failed."""
    subject = str(night)
    told = notices.made(subject, NoticeKind.PING, NoticeKind.FAIL_PING)
    if addresses().ping_url and night.completed_at and PING not in told and not failure(night, settings, now):
        notices.make(NoticeKind.PING, subject, [PING], now=now)
    if addresses().ping_fail_url and not told and failure(night, settings, now):
        notices.make(NoticeKind.FAIL_PING, subject, [FAIL_PING], now=now)


def _report(night: Night, settings: Configuration, now: datetime) -> None:
    """To everybody at the same moment; an address that is set later hears of the next night."""
    if not addresses().reports or not _report_is_due(night, settings, now):
        return
    if notices.made(str(night), NoticeKind.REPORT):
        return
    found = morning.morning(night, settings, now)
    title, body = f"{house()}, {morning.title(found)}", morning.text(found, settings, link("/"))
    notices.make(NoticeKind.REPORT, str(night), names(addresses().reports), title=title, body=body, now=now)


def _report_is_due(night: Night, settings: Configuration, now: datetime) -> bool:
    """At the hour; or as soon as the night is complete, and at the latest at the hour."""
    if settings.report_when is ReportWhen.OFF:
        return False
    if settings.report_when is ReportWhen.COMPLETE and night.completed_at:
        return True
    _, hour = nights.next_due(night.due_at, settings.report_at, settings.zone)
    is_too_late = night.left_at is None and now - hour > EMPTY_TOLD_WITHIN
    return now >= hour and not is_too_late
