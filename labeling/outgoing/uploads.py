"""A signed webhook each time that an upload is done: counts, and a link to its page and its file."""

from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db import transaction
from django.db.models import CharField, Exists, Func, OuterRef, Sum, Value
from django.db.models.functions import Cast, Concat
from django.urls import reverse
from django.utils.dateparse import parse_datetime

from labeling.configuration import Configuration
from labeling.models import DocumentTally, Notice, Setting, Upload
from labeling.states import DocumentState, NoticeKind, UploadState
from labeling.transitions import notices

from .receivers import WEBHOOK, addresses, link

SINCE = "webhook_since"
"""The row that remembers when a webhook was first set: older uploads are not told of."""

MISSED_AT_MOST = timedelta(days=3)
MOST_AT_ONCE = 200

# The same as Upload.completion.
_COMPLETION = Concat(
    Value("U-"),
    Cast("pk", CharField()),
    Value("@"),
    Func("done_at", Value("YYYYMMDDHH24MISS.US"), function="to_char", output_field=CharField()),
)


def look(settings: Configuration, now: datetime) -> None:
    if not addresses().webhook_url:
        Setting.objects.filter(key=SINCE).delete()
        return
    for upload in _untold(max(_since(now), now - MISSED_AT_MOST)):
        with transaction.atomic():
            body = envelope("upload.done", told(upload), upload.done_at or now)
            subject, title = upload.completion, f"U-{upload.pk}"
            notices.make(NoticeKind.UPLOAD, subject, [WEBHOOK], title=title, body=body, now=now)


def envelope(kind: str, data: dict[str, Any], at: datetime) -> str:
    """The body as the Standard Webhooks specification lays it out."""
    return orjson.dumps({"type": kind, "timestamp": at.isoformat(), "data": data}).decode()


def told(upload: Upload) -> dict[str, Any]:
    """Counts, names and addresses; no text and no label. The addresses ask for a sign-in."""
    sums = dict(
        DocumentTally.objects.filter(upload=upload).order_by().values_list("state").annotate(n=Sum("documents"))
    )
    return {
        "upload": upload.pk,
        "file_name": upload.file_name,
        "task": upload.version.task.slug,
        "task_version": upload.version.number,
        "rows": upload.rows,
        "accepted": upload.accepted,
        "refused": upload.refused,
        "copies": upload.copies,
        **{state.value: int(sums.get(state, 0)) for state in DocumentState},
        "url": link(reverse("upload", args=[upload.pk])),
        "file_url": link(reverse("upload_original", args=[upload.pk])),
    }


def _since(now: datetime) -> datetime:
    row, _ = Setting.objects.get_or_create(key=SINCE, defaults={"value": now.isoformat()})
    return parse_datetime(str(row.value)) or now


def _untold(since: datetime) -> list[Upload]:
    made = Notice.objects.filter(kind=NoticeKind.UPLOAD, receiver=WEBHOOK, subject=OuterRef("subject"))
    done = Upload.objects.filter(state=UploadState.DONE, done_at__gte=since).alias(subject=_COMPLETION)
    done = done.filter(~Exists(made))
    return list(done.select_related("version__task").order_by("done_at", "pk")[:MOST_AT_ONCE])
