"""The state glyphs, our own: a shape, a word and a color together; never a color alone."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from labeling.models import Batch, Document, Request, Upload
from labeling.states import BatchState, DocumentState, HoldKind, Outcome, UploadState

register = template.Library()

_RING = '<circle cx="7" cy="7" r="5.2" fill="none" stroke="currentColor" stroke-width="1.6"{}/>'
_STROKE = 'fill="none" stroke="{}" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round"'
_SHAPES = {
    "wait": _RING.format(' stroke-dasharray="2.2 1.88"'),
    "proc": _RING.format("") + '<path d="M7 1.8a5.2 5.2 0 0 1 0 10.4z" fill="currentColor"/>',
    "read": _RING.format("") + f'<path d="M7 4v5.4M4.8 7.4 7 9.6l2.2-2.2" {_STROKE.format("currentColor")}/>',
    "ok": '<circle cx="7" cy="7" r="6" fill="currentColor"/>'
    f'<path d="m4.2 7.2 2 2 3.6-4.1" {_STROKE.format("var(--on-fill)")}/>',
    "err": '<path d="M7 .4 13.6 7 7 13.6.4 7z" fill="currentColor"/>'
    '<path d="m5.2 5.2 3.6 3.6m0-3.6L5.2 8.8" stroke="var(--on-fill)" stroke-width="1.5" stroke-linecap="round"/>',
    "exp": '<path d="M2.5 1.2h9v2.2L8.3 7l3.2 3.6v2.2h-9v-2.2L5.7 7 2.5 3.4z" fill="currentColor" '
    'stroke="currentColor" stroke-width="1" stroke-linejoin="round"/>',
    "can": _RING.format("") + '<path d="M3.4 10.6 10.6 3.4" stroke="currentColor" stroke-width="1.6"/>',
    "late": '<path d="M7 .9 13.6 12.6H.4z" fill="currentColor" stroke="currentColor" stroke-width=".8" '
    'stroke-linejoin="round"/><path d="M7 4.9v3.4M7 10.4v.1" stroke="var(--on-fill)" stroke-width="1.6" '
    'stroke-linecap="round"/>',
    "rt": '<path d="M8 .8 2.6 8H6.4L5.6 13.2 11.4 6H7.4z" fill="currentColor"/>',
}
_COLORS = {"read": "ok"}
_BADGES = {"wait": "can", "late": "exp", "read": "ok"}


@dataclass(frozen=True, slots=True)
class Shown:
    """A state as it is shown: the name of its glyph and its word."""

    glyph: str
    word: str


@register.simple_tag
@lru_cache(maxsize=256)
def glyph(name: str, size: int = 14, label: str = "") -> SafeString:
    """One glyph; with a label it speaks for itself, without one it stands beside its word."""
    spoken = format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"')
    return format_html(
        '<span class="gl g-{}"><svg width="{}" height="{}" viewBox="0 0 14 14" {}>{}</svg></span>',
        _COLORS.get(name, name),
        size,
        size,
        spoken,
        mark_safe(_SHAPES[name]),  # noqa: S308
    )


@register.simple_tag
def state(row: Batch | Document | Upload, in_flight: int | None = None) -> SafeString:
    """Glyph and word of a row's state; `in_flight`: so many documents of an upload, where that is known."""
    shown = shown_state(row, in_flight)
    return format_html('<span class="st">{}{}</span>', glyph(shown.glyph), shown.word)


@register.simple_tag
def batch_glyph(batch: Batch, size: int = 14) -> SafeString:
    """The glyph of a batch with its word for those who do not see it."""
    shown = _batch(batch)
    return glyph(shown.glyph, size, shown.word)


@register.simple_tag
def badge(row: Batch | Document | Upload, in_flight: int | None = None) -> SafeString:
    shown = shown_state(row, in_flight)
    color = _BADGES.get(shown.glyph, shown.glyph)
    return format_html('<span class="badge b-{}">{}{}</span>', color, glyph(shown.glyph, 12), shown.word)


@register.simple_tag
def outcome_of(request: Request) -> SafeString:
    """How one attempt ended."""
    word = Outcome(request.outcome)
    return format_html('<span class="st">{}{}</span>', glyph(_OUTCOMES[word]), word.replace("_", " "))


def shown_state(row: Batch | Document | Upload, in_flight: int | None = None) -> Shown:
    if isinstance(row, Batch):
        return _batch(row)
    return _document(row) if isinstance(row, Document) else _upload(row, in_flight)


_OUTCOMES = {
    Outcome.OPEN: "proc",
    Outcome.SUCCEEDED: "ok",
    Outcome.ERRORED: "err",
    Outcome.CANCELED: "can",
    Outcome.EXPIRED: "exp",
    Outcome.MISSING: "late",
    Outcome.NOT_SENT: "can",
    Outcome.UNCLEAR: "late",
}

_BATCH = {
    BatchState.BUILDING: Shown("wait", "Building"),
    BatchState.SUBMITTING: Shown("proc", "Submitting"),
    BatchState.REJECTED: Shown("err", "Refused by the API"),
    BatchState.UNKNOWN: Shown("late", "In doubt"),
    BatchState.ABSENT: Shown("can", "Never accepted"),
    BatchState.IN_PROGRESS: Shown("proc", "In progress"),
    BatchState.CANCELING: Shown("can", "Canceling"),
    BatchState.ENDED: Shown("read", "Reading results"),
    BatchState.INGESTED: Shown("ok", "Ended"),
}


def _batch(batch: Batch) -> Shown:
    missed = batch.errored + batch.expired
    if batch.state == BatchState.INGESTED and batch.canceled and not batch.succeeded:
        return Shown("can", "Canceled")
    if batch.state == BatchState.INGESTED and missed:
        return Shown("late", f"Ended, {missed:,} not answered")
    if batch.state == BatchState.IN_PROGRESS and batch.expires_at and batch.expires_at < timezone.now():
        return Shown("late", "Over its time")
    return _BATCH[BatchState(batch.state)]


_DOCUMENT = {
    DocumentState.QUEUED: Shown("wait", "Waiting"),
    DocumentState.BATCHED: Shown("proc", "In flight"),
    DocumentState.LABELED: Shown("ok", "Labeled"),
    DocumentState.FAILED: Shown("err", "Failed"),
    DocumentState.WITHDRAWN: Shown("can", "Withdrawn"),
}


def _document(document: Document) -> Shown:
    again_at: datetime | None = document.goes_again_at(timezone.now())
    if again_at:
        return Shown("wait", "Going again")
    if document.closed_at:
        return Shown("can", "Failed, closed")
    return _DOCUMENT[DocumentState(document.state)]


_UPLOAD = {
    UploadState.RECEIVED: Shown("read", "Being read"),
    UploadState.CHECKED: Shown("late", "Waits for you"),
    UploadState.IMPORTING: Shown("read", "Importing"),
    UploadState.READY: Shown("proc", "Being labeled"),
    UploadState.DONE: Shown("ok", "Done"),
    UploadState.DISCARDED: Shown("can", "Discarded"),
    UploadState.WITHDRAWN: Shown("can", "Withdrawn"),
}


def _upload(upload: Upload, in_flight: int | None) -> Shown:
    if upload.error and upload.state == UploadState.RECEIVED:
        return Shown("err", "Not readable like this")
    if upload.error and upload.state == UploadState.IMPORTING:
        return Shown("late", "Import stands still")
    if upload.state == UploadState.READY and upload.hold_kind == HoldKind.TRIAL and not in_flight:
        return Shown("late", "Waits for you")
    if upload.state == UploadState.READY and in_flight == 0:
        return Shown("wait", "Held" if upload.hold_kind else "Waiting")
    return _UPLOAD[UploadState(upload.state)]
