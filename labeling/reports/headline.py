"""The title of a night in words: true while it runs, when nothing was sent, when all is well and when it is not."""

from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.formats import date_format

from labeling.templatetags.figures import usd

from .needs import Needs
from .night import Done, House, Sheet

STILL_TONIGHT = timedelta(hours=6)
"""So long after its hour a night that still runs is called tonight."""


def title(sheet: Sheet, house: House | None, now: datetime) -> str:
    """One sentence without a full stop. Times are in the zone that is active."""
    if house and house.is_empty:
        return "Nothing is in yet"
    words = [_what_it_did(sheet, now), *_doubt(sheet), *([_for_you(house.needs)] if house else [])]
    sentence = ", ".join(words)
    return f"Sending is paused. {sentence}" if house and house.paused else sentence


def money(done: Done) -> str:
    """What the batches that are back cost; empty where nothing is back. An unknown price is said."""
    if not done.answered:
        return ""
    if done.unpriced and not done.list_usd:
        return f"The price of {done.unpriced:,} is not known."
    unknown = f", the price of {done.unpriced:,} more is not known" if done.unpriced else ""
    return f"{usd(done.paid_usd)} paid, {usd(done.saved_usd)} saved{unknown}."


def _what_it_did(sheet: Sheet, now: datetime) -> str:
    if not sheet.at_night.wanted and sheet.by_day.wanted:
        day = "Today" if sheet.is_current else f"By day after the night of {_date(sheet)}"
        return f"{day}: {_sent_and_back(sheet.by_day)}"
    if not sheet.at_night.wanted:
        return f"{_name(sheet, now)}: nothing was sent"
    return f"{_name(sheet, now)}: {_sent_and_back(sheet.at_night)}"


def _name(sheet: Sheet, now: datetime) -> str:
    if not sheet.is_current:
        return f"Night of {_date(sheet)}"
    due = sheet.night.due_at if sheet.night else now
    return "Tonight" if sheet.at_night.open_batches and now - due < STILL_TONIGHT else "Last night"


def _date(sheet: Sheet) -> str:
    return date_format(sheet.date, "j F" if sheet.date.year == timezone.localdate().year else "j F Y")


def _sent_and_back(done: Done) -> str:
    words = [f"{done.sent:,} sent" if done.sent or not done.to_send else "nothing sent yet"]
    if done.to_send:
        words.append(f"{done.to_send:,} still to send")
    if done.sent and done.labeled == done.sent:
        words.append(f"all labeled{_by(done)}")
    elif done.answered:
        so_far = " so far" if done.open_batches else _by(done)
        words.append(f"{done.labeled:,} labeled{so_far}")
    elif done.sent:
        words.append("none back yet")
    return ", ".join(words)


def _by(done: Done) -> str:
    if done.last_back is None:
        return ""
    local = timezone.localtime(done.last_back)
    is_today = local.date() == timezone.localdate()
    return f" by {local:%H:%M}" if is_today else f" by {date_format(local, 'D')} {local:%H:%M}"


def _doubt(sheet: Sheet) -> list[str]:
    return [f"{sheet.all.in_doubt:,} in doubt"] if sheet.all.doubtful else []


def _for_you(needs: Needs) -> str:
    decisions, others = len(needs.decisions), needs.others
    decided = f"{decisions:,} decision{'' if decisions == 1 else 's'}"
    if decisions and others:
        return f"{decided} and {others:,} other thing{'' if others == 1 else 's'} for you"
    if decisions:
        return f"{decided} for you"
    if others:
        return f"{others:,} thing{' needs' if others == 1 else 's need'} you"
    return "nothing needs you"
