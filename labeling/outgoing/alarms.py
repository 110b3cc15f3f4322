"""From the list of troubles to alarms, and to the messages that tell of them and of their end."""

from datetime import datetime

from django.db import transaction

from batchsite.api_address import api_address
from labeling.configuration import Configuration
from labeling.health.troubles import troubles
from labeling.models import Alarm
from labeling.states import NoticeKind
from labeling.transitions import alarms, notices

from .receivers import addresses, link, names

OVERTAKEN = "It was over before it could be told."


def look(settings: Configuration, now: datetime) -> None:
    """One look, in one transaction with the messages it makes; two at once are one."""
    found = [alarms.Seen(each.kind, each.subject, each.words) for each in troubles(settings, now)]
    told = names(addresses().alarms)
    with transaction.atomic():
        looked = alarms.look(found, now)
        if looked is None:
            return
        for alarm in looked.standing:
            title, body = raised(alarm, settings)
            notices.make(NoticeKind.ALARM, str(alarm), told, title=title, body=body, now=now)
        for alarm in looked.cleared:
            notices.overtake(NoticeKind.ALARM, str(alarm), OVERTAKEN, now)
            title, body = cleared(alarm, settings)
            notices.make(NoticeKind.CLEARING, str(alarm), told, title=title, body=body, now=now)


def raised(alarm: Alarm, settings: Configuration) -> tuple[str, str]:
    """Title and text: our own words, an id, a time, a link; never a document's text, never a reason of others."""
    since = _clock(alarm.raised_at, settings)
    return f"{house()}: {alarm.sentence}", f"{alarm.sentence}\nSince {since}.\n\n{link('/')}\n"


def cleared(alarm: Alarm, settings: Configuration) -> tuple[str, str]:
    span = f"From {_clock(alarm.raised_at, settings)} to {_clock(alarm.seen_at, settings)}."
    return f"{house()}: over: {alarm.sentence}", f"Over: {alarm.sentence}\n{span}\n\n{link('/')}\n"


def house() -> str:
    """How every title begins; make-believe says so."""
    return "Nightshift sandbox" if api_address().is_sandbox else "Nightshift"


def _clock(at: datetime, settings: Configuration) -> str:
    return f"{at.astimezone(settings.zone):%d %b %Y %H:%M} ({settings.time_zone})"
