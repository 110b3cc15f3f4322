"""Uploads: the form, the list, the receipt of one file with everything that can be done with it."""

from collections.abc import Iterable, Iterator

from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from labeling import activity, nights
from labeling.files import FileRefused, Format, ReadOptions, RefusedRow, refused_rows_csv
from labeling.forms import ColumnsForm, UploadForm, WayForm
from labeling.models import Activity, Document, LabelingTask, Upload
from labeling.pipeline import intake
from labeling.reports import estimates, upload_list
from labeling.reports import uploads as report
from labeling.reports.alarms import webhook_of
from labeling.reports.paging import a_word, an_id
from labeling.reports.upload_list import UploadFilters
from labeling.states import RefusalReason, UploadState, Way
from labeling.store import DiskLow
from labeling.templatetags.figures import noun
from labeling.transitions.documents import change_way
from labeling.transitions.estimates import remember
from labeling.waking import wake

from .door import WebRequest, command, form_page, live_part, page
from .live import ACTIVE, FAST, IDLE, LivePage, answer, leave, refresh, show
from .reader import settings_of

PASTED = "pasted text.txt"
_EVERY = {UploadState.RECEIVED: FAST, UploadState.IMPORTING: FAST, UploadState.READY: ACTIVE}


@page()
def uploads(request: WebRequest) -> HttpResponseBase:
    return show(request, _list_page(request))


@live_part
def uploads_live(request: WebRequest) -> HttpResponseBase:
    return refresh(request, _list_page(request))


@form_page()
def upload_new(request: WebRequest) -> HttpResponseBase:
    form = UploadForm(request.POST or None, request.FILES or None, initial={"task": request.GET.get("task")})
    if request.method == "POST" and form.is_valid():
        try:
            upload = _receive(request, form)
        except (FileRefused, DiskLow) as refusal:
            form.add_error("file", str(refusal))
        else:
            wake()
            return redirect("upload", upload.pk)
    settings = settings_of(request)
    context = {
        "form": form,
        "tasks": LabelingTask.objects.filter(version_in_use__isnull=False).select_related("version_in_use"),
        "chosen_task": form["task"].value(),
        "chosen_way": form["way"].value() or Way.TONIGHT,
        "next_due": nights.next_due(timezone.now(), settings.night, settings.zone)[1],
        "upload_bytes": settings.upload_bytes,
    }
    return render(request, "uploads/new.html", context, status=422 if form.is_bound and form.errors else 200)


@page()
def upload(request: WebRequest, pk: int) -> HttpResponseBase:
    return show(request, _receipt_page(request, _find(pk)))


@live_part
def upload_live(request: WebRequest, pk: int) -> HttpResponseBase:
    return refresh(request, _receipt_page(request, _find(pk)))


@command()
def upload_columns(request: WebRequest, pk: int) -> HttpResponseBase:
    """Read the file again with other choices."""
    upload = _find(pk)
    form = ColumnsForm(request.POST)
    if not form.is_valid():
        return _answer(request, upload, "Not read again: a choice was not understood.", failed=True)
    if not intake.choose_again(upload, form.options(upload)):
        return _answer(request, upload, _who_was_first(upload), failed=True)
    wake()
    return _answer(request, upload, "The file is read again.")


@command()
def upload_confirm(request: WebRequest, pk: int) -> HttpResponseBase:
    """Import it."""
    upload = _find(pk)
    form = WayForm(request.POST)
    if not form.is_valid():
        return _answer(request, upload, "Not imported: choose when it should leave.", failed=True)
    columns = ColumnsForm(request.POST)
    if not columns.is_valid():
        return _answer(request, upload, "Not imported: a choice of columns was not understood.", failed=True)
    if upload.state == UploadState.CHECKED and columns.differs(upload):
        return _read_first(request, upload, columns, form.chosen)
    with transaction.atomic():
        confirmed = intake.confirm(upload, form.chosen)
        if confirmed:
            if before := estimates.before_import(upload):
                remember(upload, before.estimate)
            activity.record(
                request.user, f"Imports {upload.file_name} ({form.chosen.sentence.rstrip('.').lower()})", f"U-{pk}"
            )
    if not confirmed:
        return _answer(request, upload, _who_was_first(upload), failed=True)
    wake()
    return _answer(request, upload, "Importing. You can leave this page, it goes on.")


def _read_first(request: WebRequest, upload: Upload, columns: ColumnsForm, way: Way) -> HttpResponseBase:
    """Columns were chosen and not read yet: nobody pays for a text that he did not choose."""
    if not intake.choose_again(upload, columns.options(upload)):
        return _answer(request, upload, _who_was_first(upload), failed=True)
    Upload.objects.filter(pk=upload.pk, state=UploadState.RECEIVED).update(way=way)
    wake()
    return _answer(request, upload, "Not imported yet: the file is read again with your columns. Look, then import.")


@command()
def upload_discard(request: WebRequest, pk: int) -> HttpResponseBase:
    upload = _find(pk)
    with transaction.atomic():
        discarded = intake.discard(upload)
        if discarded:
            activity.record(request.user, f"Discarded {upload.file_name}", f"U-{pk}")
    if not discarded:
        return _answer(request, upload, _who_was_first(upload), failed=True)
    return leave(request, f"{upload.file_name} is discarded; nothing of it was imported.", to=reverse("uploads"))


@command()
def upload_way(request: WebRequest, pk: int) -> HttpResponseBase:
    """Another way to leave for what still waits."""
    upload = _find(pk)
    form = WayForm(request.POST)
    if not form.is_valid():
        return _answer(request, upload, "Nothing changed: choose when it should leave.", failed=True)
    with transaction.atomic():
        changed = change_way(Document.objects.filter(upload=upload), form.chosen)
        if changed:
            words = form.chosen.sentence.rstrip(".").lower()
            leave_words = "leaves" if changed == 1 else "leave"
            sentence = f"{noun(changed, 'document')} of {upload.file_name} {leave_words} {words}"
            activity.record(request.user, sentence, f"U-{pk}")
    wake()
    if not changed:
        return _answer(request, upload, "Nothing changed: no document of it waits any more, or all leave like this.")
    return _answer(
        request, upload, f"{changed:,} {'document leaves' if changed == 1 else 'documents leave'} another way now."
    )


@page()
def upload_refused(request: WebRequest, pk: int) -> HttpResponseBase:
    """The refused rows as CSV."""
    upload = _find(pk)
    response = StreamingHttpResponse(refused_rows_csv(_refused_rows(upload)), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="U-{pk}-refused-rows.csv"'
    return response


def _refused_rows(upload: Upload) -> Iterator[RefusedRow]:
    for row in upload.refused_rows.order_by("row_number").iterator(chunk_size=1000):
        yield RefusedRow(row.row_number, row.line_number, RefusalReason(row.reason), row.sentence, row.raw)


def _receive(request: WebRequest, form: UploadForm) -> Upload:
    chosen = form.cleaned_data
    file = chosen["file"]
    chunks: Iterable[bytes] = file.chunks() if file else [chosen["text"].encode()]
    upload = intake.receive(
        chunks,
        file_name=file.name if file else PASTED,
        version=chosen["task"].version_in_use,
        way=Way(chosen["way"]),
        options=ReadOptions() if file else ReadOptions(format=Format.TXT),
        settings=settings_of(request),
        user=request.user,
    )
    activity.record(request.user, f"Uploaded {upload.file_name} for {upload.version}", f"U-{upload.pk}")
    return upload


def _find(pk: int) -> Upload:
    return get_object_or_404(Upload.objects.select_related("version__task", "created_by", "erasure"), pk=pk)


def _answer(request: WebRequest, upload: Upload, sentence: str, *, failed: bool = False) -> HttpResponseBase:
    page = _receipt_page(request, _find(upload.pk))
    return answer(request, sentence, page=page, back=reverse("upload", args=[upload.pk]), failed=failed)


def _who_was_first(upload: Upload) -> str:
    """What the loser of a race reads."""
    upload.refresh_from_db()
    last = Activity.objects.filter(subject=f"U-{upload.pk}").order_by("-pk").first()
    who = f" {last.by} was first: {last.sentence}." if last else ""
    return f"Not done: this upload is {upload.state} meanwhile.{who}"


def _list_page(request: WebRequest) -> LivePage:
    filters = UploadFilters(**{name: a_word(request.GET.get(name))[:200] for name in ("q", "task", "state", "by")})
    before, after = an_id(request.GET.get("before")), an_id(request.GET.get("after"))
    found = upload_list.upload_page(filters, before=before, after=after)
    lines = upload_list.lines_of(found.rows)
    every = ACTIVE if any(line.is_moving for line in lines) else IDLE
    # Further back, and among what was searched for, nothing comes in by itself.
    is_newest = before is None and after is None and filters.is_empty
    context = {
        "page": found,
        "lines": lines,
        "filters": filters,
        "tasks": LabelingTask.objects.order_by("name"),
        "states": list(UploadState),
        "people": User.objects.order_by("username").values_list("username", flat=True)[:100],
    }
    return LivePage("uploads/list.html", reverse("uploads_live"), every if is_newest else None, context)


def _receipt_page(request: WebRequest, upload: Upload) -> LivePage:
    receipt = report.receipt(upload, earlier=intake.earlier(upload))
    every = _EVERY.get(UploadState(upload.state))
    if upload.error:
        every = IDLE if upload.state == UploadState.IMPORTING else None
    elif upload.state == UploadState.DONE and (receipt.waiting or receipt.in_flight):
        every = ACTIVE
    settings = settings_of(request)
    context = {
        "receipt": receipt,
        "upload": upload,
        "formats": list(Format),
        "ways": list(Way),
        "webhook": webhook_of(upload.pk),
        "next_due": nights.next_due(timezone.now(), settings.night, settings.zone)[1],
    }
    return LivePage(
        "uploads/receipt.html",
        reverse("upload_live", args=[upload.pk]),
        every,
        context,
        phase=f"{upload.state}{'-error' if upload.error else ''}{'-waits' if receipt.waiting else ''}",
        has_acts=True,
    )
