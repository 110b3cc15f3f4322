"""What people decide about leaving: a trial, hold, send now with undo, withdraw and take back, import again."""

from django.db import transaction
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone

from labeling import activity
from labeling.forms.decisions import HoldForm, WayForm
from labeling.forms.uploads import ImportAgainForm
from labeling.models import Activity, LabelingTask, SendOrder, Trial, Upload
from labeling.pipeline import hold, intake, send_now, trial, withdraw
from labeling.states import OrderState, TrialDecision, UploadState
from labeling.templatetags.figures import noun
from labeling.waking import wake

from .door import WebRequest, command, form_page
from .live import leave
from .reader import settings_of
from .uploads import answer_upload, find_upload


@command()
def trial_send(request: WebRequest, pk: int) -> HttpResponseBase:
    """The rest leaves too."""
    upload = find_upload(pk)
    form = WayForm(request.POST)
    if not form.is_valid():
        return answer_upload(request, upload, "Nothing was sent: choose when it should leave.", failed=True)
    tried = _trial_of(upload)
    if tried is None or not trial.send_rest(tried, form.chosen, by=request.user):
        return answer_upload(request, upload, _who_decided(upload), failed=True)
    wake()
    return answer_upload(request, upload, f"The rest leaves: {form.chosen.sentence.rstrip('.').lower()}.")


@command()
def trial_discard(request: WebRequest, pk: int) -> HttpResponseBase:
    """The rest is withdrawn."""
    upload = find_upload(pk)
    tried = _trial_of(upload)
    if tried is None or not trial.discard_rest(tried, settings_of(request), by=request.user):
        return answer_upload(request, upload, _who_decided(upload), failed=True)
    wake()
    return answer_upload(request, upload, "The rest is withdrawn; what was tried stays.")


@command()
def upload_hold(request: WebRequest, pk: int) -> HttpResponseBase:
    upload = find_upload(pk)
    form = HoldForm(request.POST)
    if not form.is_valid():
        return answer_upload(request, upload, "Not held: say why, in a few words.", failed=True)
    until = hold.night_after_next(settings_of(request), timezone.now()) if form.is_for_tonight else None
    if not hold.hold_upload(upload, by=request.user, reason=form.cleaned_data["reason"], until=until):
        return answer_upload(request, upload, _why_not_held(upload), failed=True)
    told = "for tonight: it leaves with the night after" if until else "until somebody releases it"
    return answer_upload(request, upload, f"Held {told}. What is in flight goes on.")


@command()
def upload_release(request: WebRequest, pk: int) -> HttpResponseBase:
    upload = find_upload(pk)
    if not hold.release_upload(upload, by=request.user):
        return answer_upload(request, upload, f"It was not held any more.{_last_act(f'U-{pk}')}", failed=True)
    wake()
    return answer_upload(request, upload, "It is released and leaves again.")


@command()
def upload_undo(request: WebRequest, pk: int) -> HttpResponseBase:
    """Takes *send now* back, as long as nothing has left."""
    upload = find_upload(pk)
    said, undone = _undo(request, send_now.pending(upload=upload), SendOrder.objects.filter(upload=upload).first())
    return answer_upload(request, upload, said, failed=not undone)


@form_page()
def upload_withdraw(request: WebRequest, pk: int) -> HttpResponseBase:
    """What withdrawing would do, and doing it."""
    upload = find_upload(pk)
    if request.method != "POST":
        return render(request, "uploads/withdraw.html", {"upload": upload, "outlook": withdraw.outlook(upload)})
    cancel_alone = request.POST.get("cancel") == "yes"
    if not withdraw.withdraw_upload(upload, settings_of(request), by=request.user, cancel_alone=cancel_alone):
        return leave(request, _who_was_first(upload, "withdrawn"), to=reverse("upload", args=[pk]), failed=True)
    wake()
    return leave(request, f"{upload.file_name} is withdrawn. You can take it back.", to=reverse("upload", args=[pk]))


@command()
def upload_restore(request: WebRequest, pk: int) -> HttpResponseBase:
    """A withdrawn upload comes back; of one that is not withdrawn, the documents that are."""
    upload = find_upload(pk)
    settings = settings_of(request)
    if upload.state == UploadState.WITHDRAWN:
        if not withdraw.restore_upload(upload, settings, by=request.user):
            return answer_upload(request, upload, _who_was_first(upload, "restored"), failed=True)
        said = "It is back: each document is what it was."
    else:
        restored, is_more = withdraw.restore_documents(upload, settings, by=request.user)
        if not restored:
            return answer_upload(request, upload, f"Nothing of it can come back.{_last_act(f'U-{pk}')}", failed=True)
        said = f"{noun(restored, 'document')} came back.{' There are more: press again.' if is_more else ''}"
    wake()
    return answer_upload(request, upload, said)


@form_page()
def upload_again(request: WebRequest, pk: int) -> HttpResponseBase:
    """The same stored file as a new upload: under another task, or with other columns."""
    upload = find_upload(pk)
    form = ImportAgainForm(request.POST or None, initial={"task": upload.version.task.slug})
    if request.method == "POST" and form.is_valid():
        task = form.cleaned_data["task"]
        with transaction.atomic():
            again = intake.again(upload, task.version_in_use, user=request.user)
            if again:
                said = f"Imports {upload.file_name} again, for {again.version}"
                activity.record(request.user, said, f"U-{again.pk}")
        if again:
            wake()
            return leave(
                request,
                "The file is read again. Nothing is sent before you say so.",
                to=reverse("upload", args=[again.pk]),
            )
        form.add_error(None, "The file is not kept any more: upload it again.")
    context = {"upload": upload, "form": form, "chosen": form["task"].value()}
    return render(request, "uploads/again.html", context, status=422 if form.is_bound and form.errors else 200)


@command()
def task_send(request: WebRequest, slug: str) -> HttpResponseBase:
    """Everything of the task that waits for tonight leaves in half a minute."""
    task = _task(slug)
    order = send_now.send_task(task, by=request.user)
    if order is None:
        pending = send_now.pending(task=task)
        who = f"{pending.ordered_by} was first: it leaves at {_clock(pending)}." if pending else "Try it again."
        return leave(request, who, to=reverse("task", args=[slug]), failed=True)
    said = f"What waits for tonight leaves at {_clock(order)}, in the next batches."
    return leave(request, said, to=reverse("task", args=[slug]), undo=reverse("task_undo", args=[slug]))


@command()
def task_undo(request: WebRequest, slug: str) -> HttpResponseBase:
    task = _task(slug)
    said, undone = _undo(request, send_now.pending(task=task), SendOrder.objects.filter(task=task).first())
    return leave(request, said, to=reverse("task", args=[slug]), failed=not undone)


def _undo(request: WebRequest, order: SendOrder | None, newest: SendOrder | None) -> tuple[str, bool]:
    if order and send_now.undo(order, by=request.user):
        return "Taken back: everything is as it was.", True
    last = order or newest
    if last and last.state == OrderState.UNDONE:
        return f"{last.ended_by} took it back already.", False
    if last and last.state == OrderState.DONE:
        return f"Too late: {noun(last.documents, 'document')} left at {_clock(last)}.", False
    if order:
        return f"Too late: {noun(order.documents, 'document')} of it left already, and the others follow.", False
    return "There is nothing to take back.", False


def _clock(order: SendOrder) -> str:
    at = order.ended_at or order.leaves_at
    return f"{timezone.localtime(at):%H:%M:%S}"


def _trial_of(upload: Upload) -> Trial | None:
    return Trial.objects.filter(upload=upload).select_related("upload").order_by("-pk").first()


def _who_decided(upload: Upload) -> str:
    tried = _trial_of(upload)
    if tried is None:
        return "Nothing of this upload was tried."
    if tried.decision:
        return f"{tried.decided_by} was first: {TrialDecision(tried.decision).sentence.lower()}"
    if upload.state == UploadState.IMPORTING:
        return "Not yet: it is still being imported."
    return _who_was_first(upload, "decided")


def _why_not_held(upload: Upload) -> str:
    upload.refresh_from_db()
    if upload.hold_kind:
        return f"{upload.held_by} was first: it is held already, because {upload.hold_reason}."
    return f"Not held: this upload is {upload.state}."


def _who_was_first(upload: Upload, done: str) -> str:
    upload.refresh_from_db()
    return f"Not {done}: this upload is {upload.state}.{_last_act(f'U-{upload.pk}')}"


def _last_act(subject: str) -> str:
    last = Activity.objects.filter(subject=subject).order_by("-pk").first()
    return f" {last.by} was first: {last.sentence}." if last else ""


def _task(slug: str) -> LabelingTask:
    return get_object_or_404(LabelingTask, slug=slug)
