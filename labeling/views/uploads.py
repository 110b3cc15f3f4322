"""Uploads: the form, the list, the receipt of one file with everything that can be done with it."""

from collections.abc import Iterable, Iterator

from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from labeling import activity, nights, waiting
from labeling.files import ENCODINGS, FileRefused, Format, ReadOptions, RefusedRow, refused_rows_csv
from labeling.finding import Filters
from labeling.forms.decisions import WayForm
from labeling.forms.uploads import ColumnsForm, TryFirstForm, UploadForm
from labeling.models import Activity, Document, LabelingTask, SendOrder, Upload
from labeling.pipeline import bulk, intake, send_now
from labeling.reports import estimates, upload_list
from labeling.reports import trial as trial_report
from labeling.reports import uploads as report
from labeling.reports.alarms import webhook_of
from labeling.reports.paging import a_word, an_id
from labeling.reports.rail import usually
from labeling.reports.upload_list import UploadFilters
from labeling.states import BulkKind, DocumentState, RefusalReason, UploadState, Way
from labeling.store import DiskLow
from labeling.templatetags.figures import noun
from labeling.transitions.estimates import remember
from labeling.transitions.ways import change_way
from labeling.waking import wake

from .door import WebRequest, command, form_page, live_part, page
from .live import ACTIVE, FAST, IDLE, LivePage, answer, leave, refresh, show
from .many import by_a_worker
from .reader import settings_of

PASTED = "pasted text.txt"
DELIMITERS = {",": "comma", ";": "semicolon", "tab": "tab", "|": "vertical bar"}
TRIED = 20
"""So many are tried unless a person says otherwise: enough to see that a task is worded wrongly."""

_NOTHING_TO_CHANGE = "Nothing changed: no document of it waits any more, or all leave like this."
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
        "at_once": settings.urgent_concurrency,
        "upload_bytes": settings.upload_bytes,
    }
    return render(request, "uploads/new.html", context, status=422 if form.is_bound and form.errors else 200)


@page()
def upload(request: WebRequest, pk: int) -> HttpResponseBase:
    return show(request, _receipt_page(request, find_upload(pk)))


@live_part
def upload_live(request: WebRequest, pk: int) -> HttpResponseBase:
    return refresh(request, _receipt_page(request, find_upload(pk)))


@command()
def upload_columns(request: WebRequest, pk: int) -> HttpResponseBase:
    """Read the file again with other choices."""
    upload = find_upload(pk)
    form = ColumnsForm(request.POST)
    if not form.is_valid():
        return answer_upload(request, upload, "Not read again: a choice was not understood.", failed=True)
    if not intake.choose_again(upload, form.options(upload)):
        return answer_upload(request, upload, _who_was_first(upload), failed=True)
    wake()
    return answer_upload(request, upload, "The file is read again.")


@command()
def upload_confirm(request: WebRequest, pk: int) -> HttpResponseBase:
    """Import it."""
    upload = find_upload(pk)
    form = WayForm(request.POST)
    if not form.is_valid():
        return answer_upload(request, upload, "Not imported: choose when it should leave.", failed=True)
    columns = ColumnsForm(request.POST)
    if not columns.is_valid():
        return answer_upload(request, upload, "Not imported: a choice of columns was not understood.", failed=True)
    trial = TryFirstForm(request.POST) if request.POST.get("act") == "try" else None
    if trial and not trial.is_valid():
        return answer_upload(request, upload, f"Not imported: {trial.errors['try_first'][0]}", failed=True)
    try_first = trial.cleaned_data["try_first"] if trial else 0
    if upload.state == UploadState.CHECKED and columns.differs(upload):
        return _read_first(request, upload, columns, form.chosen)
    with transaction.atomic():
        confirmed = intake.confirm(upload, form.chosen, try_first=try_first, by=request.user.get_username())
        if confirmed:
            if before := estimates.before_import(upload):
                remember(upload, before.estimate)
            words = f"{try_first} are tried first" if try_first else form.chosen.sentence.rstrip(".").lower()
            activity.record(request.user, f"Imports {upload.file_name} ({words})", f"U-{pk}")
    if not confirmed:
        return answer_upload(request, upload, _who_was_first(upload), failed=True)
    wake()
    return answer_upload(request, upload, "Importing. You can leave this page, it goes on.")


def _read_first(request: WebRequest, upload: Upload, columns: ColumnsForm, way: Way) -> HttpResponseBase:
    """Columns were chosen and not read yet: nobody pays for a text that he did not choose."""
    if not intake.choose_again(upload, columns.options(upload)):
        return answer_upload(request, upload, _who_was_first(upload), failed=True)
    Upload.objects.filter(pk=upload.pk, state=UploadState.RECEIVED).update(way=way)
    wake()
    return answer_upload(
        request, upload, "Not imported yet: the file is read again with your columns. Look, then import."
    )


@command()
def upload_discard(request: WebRequest, pk: int) -> HttpResponseBase:
    upload = find_upload(pk)
    with transaction.atomic():
        discarded = intake.discard(upload)
        if discarded:
            activity.record(request.user, f"Discarded {upload.file_name}", f"U-{pk}")
    if not discarded:
        return answer_upload(request, upload, _who_was_first(upload), failed=True)
    return leave(request, f"{upload.file_name} is discarded; nothing of it was imported.", to=reverse("uploads"))


@command()
def upload_way(request: WebRequest, pk: int) -> HttpResponseBase:
    """Another way to leave for what still waits; what leaves sooner can be taken back for half a minute."""
    upload = find_upload(pk)
    form = WayForm(request.POST)
    if not form.is_valid():
        return answer_upload(request, upload, "Nothing changed: choose when it should leave.", failed=True)
    if upload.hold_kind:
        return answer_upload(
            request, upload, f"Nothing changed: {upload.held_by} holds it. Release it first.", failed=True
        )
    if form.chosen != Way.TONIGHT:
        return _send_now(request, upload, form.chosen)
    waiting = Document.objects.waiting().filter(upload=upload).exclude(way=form.chosen)
    if bulk.are_many(waiting):
        title, subject, back = f"what waits of {upload.file_name}", f"U-{pk}", reverse("upload", args=[pk])
        meant = Filters(upload=pk, state=DocumentState.QUEUED)
        return by_a_worker(request, meant, BulkKind.WAY, title=title, subject=subject, back=back, way=form.chosen)
    with transaction.atomic():
        changed = change_way(Document.objects.filter(upload=upload), form.chosen)
        if changed:
            words = form.chosen.sentence.rstrip(".").lower()
            leave_words = "leaves" if changed == 1 else "leave"
            sentence = f"{noun(changed, 'document')} of {upload.file_name} {leave_words} {words}"
            activity.record(request.user, sentence, f"U-{pk}")
    wake()
    if not changed:
        return answer_upload(
            request, upload, "Nothing changed: no document of it waits any more, or all leave like this."
        )
    return answer_upload(
        request, upload, f"{changed:,} {'document leaves' if changed == 1 else 'documents leave'} another way now."
    )


def _send_now(request: WebRequest, upload: Upload, way: Way) -> HttpResponseBase:
    if not Document.objects.waiting().filter(upload=upload).exclude(way=way).exists():
        return answer_upload(request, upload, _NOTHING_TO_CHANGE)
    order = send_now.send_upload(upload, way, by=request.user)
    if order is None:
        first = send_now.pending(upload=upload)
        who = f"{first.ordered_by} was first: it leaves {first.way}." if first else "Try it again."
        return answer_upload(request, upload, f"Nothing changed. {who}", failed=True)
    said = f"It leaves in 30 seconds: {way.sentence.rstrip('.').lower()}."
    return answer_upload(request, upload, said, undo=reverse("upload_undo", args=[upload.pk]))


@page()
def upload_refused(request: WebRequest, pk: int) -> HttpResponseBase:
    """The refused rows as CSV: of a file that waits to be imported, those that the import would refuse."""
    upload = find_upload(pk)
    is_checked = upload.state == UploadState.CHECKED
    rows = intake.rows_to_refuse(upload, settings_of(request)) if is_checked else _refused_rows(upload)
    response = StreamingHttpResponse(refused_rows_csv(rows), content_type="text/csv; charset=utf-8")
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


def find_upload(pk: int) -> Upload:
    return get_object_or_404(Upload.objects.select_related("version__task", "created_by", "erasure"), pk=pk)


def answer_upload(
    request: WebRequest, upload: Upload, sentence: str, *, failed: bool = False, undo: str = ""
) -> HttpResponseBase:
    """The receipt as it is now, with what happened."""
    page = _receipt_page(request, find_upload(upload.pk))
    return answer(request, sentence, page=page, back=reverse("upload", args=[upload.pk]), failed=failed, undo=undo)


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
    waiting_ones = [line.upload.pk for line in lines if line.states[DocumentState.QUEUED]]
    context = {
        "page": found,
        "waits": waiting.of_uploads(settings_of(request), waiting_ones),
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
    waits = waiting.of_uploads(settings, [upload.pk])[upload.pk] if receipt.waiting else []
    trial = trial_report.trial_of(upload) if upload.confirmed_at else None
    order = send_now.pending(upload=upload)
    context = {
        "receipt": receipt,
        "waits": waits,
        "trial": trial,
        "try_price": trial_report.price_of_trying(upload, TRIED) if upload.state == UploadState.CHECKED else None,
        "tried": TRIED,
        "order": order,
        "upload": upload,
        "formats": list(Format),
        "encodings": ENCODINGS,
        "delimiters": DELIMITERS,
        "ways": list(Way),
        "webhook": webhook_of(upload),
        "next_due": nights.next_due(timezone.now(), settings.night, settings.zone)[1],
        "at_once": settings.urgent_concurrency,
        "usually": usually(upload.version.task_id, min(before.found.documents, settings.batch_requests))
        if (before := receipt.before)
        else None,
    }
    return LivePage(
        "uploads/receipt.html",
        reverse("upload_live", args=[upload.pk]),
        every,
        context,
        phase=_phase(upload, receipt, trial, order),
        has_acts=True,
    )


def _phase(
    upload: Upload, receipt: report.Receipt, trial: trial_report.TrialSeen | None, order: SendOrder | None
) -> str:
    """What the forms of the page depend on."""
    parts = (
        upload.state,
        "error" if upload.error else "",
        "waits" if receipt.waiting else "",
        "withdrawn" if receipt.withdrawn else "",
        upload.hold_kind,
        "decide" if trial and trial.can_be_decided else "",
        "order" if order else "",
    )
    return "-".join(filter(None, parts))
