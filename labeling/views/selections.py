"""Documents that a person chose: frozen under a key, so that what was seen is what is done."""

from django.db import transaction
from django.http import HttpResponseBase, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse

from labeling import exports
from labeling.forms.documents import AgainForm, ChoiceForm
from labeling.models import LabelingTaskVersion, Selection
from labeling.pipeline import bulk
from labeling.reports import selections as report
from labeling.reports.paging import an_id, ids_in
from labeling.states import BulkKind, Way
from labeling.templatetags.figures import noun
from labeling.waking import wake

from .documents import filters_of
from .door import VIEW, WebRequest, command, live_part, page
from .downloads import download, format_of
from .live import FAST, IDLE, LivePage, answer, leave, refresh, show
from .many import UNDER_WAY


@command(VIEW)
def selection_new(request: WebRequest) -> HttpResponseBase:
    """The ticked documents, or all that match the query that the page was made from."""
    form = ChoiceForm(request.POST)
    form.is_valid()
    query = QueryDict(form.cleaned_data.get("query", ""))
    by = request.user.get_username()
    try:
        if form.cleaned_data.get("all"):
            selection = bulk.choose_matching(filters_of(query), below=form.cleaned_data.get("newest") or 0, by=by)
        else:
            selection = bulk.choose(ids_in(request.POST, "document"), by=by)
    except bulk.NothingChosen as refusal:
        return leave(request, str(refusal), to=f"{reverse('documents')}?{query.urlencode()}", failed=True)
    if selection.frozen_at is None:
        wake()
    return redirect("selection", selection.key)


@command(VIEW)
def selection_pasted(request: WebRequest) -> HttpResponseBase:
    """A pasted list of ids becomes a filter of the documents page."""
    try:
        selection = bulk.paste(request.POST.get("ids", "").replace("\0", ""), by=request.user.get_username())
    except bulk.NothingChosen as refusal:
        return leave(request, str(refusal), to=reverse("documents"), failed=True)
    unknown = f"; {noun(selection.unknown, 'id')} of the list no document has" if selection.unknown else ""
    where = f"{reverse('documents')}?list={selection.key}"
    return leave(request, f"{noun(selection.documents, 'document')} of the list{unknown}.", to=where)


@page()
def selection(request: WebRequest, key: str) -> HttpResponseBase:
    return show(request, _page(request, _find(key)))


@live_part
def selection_live(request: WebRequest, key: str) -> HttpResponseBase:
    return refresh(request, _page(request, _find(key)))


@command()
def selection_again(request: WebRequest, key: str) -> HttpResponseBase:
    """Label all of it again."""
    form = AgainForm(request.POST)
    if not form.is_valid():
        return _answer(request, _find(key), "Not labeled again: choose when it should leave.", failed=True)
    number, slug = form.cleaned_data["version"], form.cleaned_data["task"]
    version = None
    if number is not None:
        version = get_object_or_404(LabelingTaskVersion.objects.select_related("task"), task__slug=slug, number=number)
    return _begin(request, key, BulkKind.AGAIN, way=form.chosen, version=version)


@command()
def selection_withdraw(request: WebRequest, key: str) -> HttpResponseBase:
    return _begin(request, key, BulkKind.WITHDRAW)


@command()
def selection_restore(request: WebRequest, key: str) -> HttpResponseBase:
    return _begin(request, key, BulkKind.RESTORE)


@page()
def selection_labels(request: WebRequest, key: str, form: str) -> HttpResponseBase:
    """All about every document of the selection."""
    chosen = _find(key)
    return download(exports.stream(format_of(form), chosen=chosen), format_of(form), f"selection-{key}-labels.{form}")


DONE = {BulkKind.AGAIN: "queued again", BulkKind.WITHDRAW: "withdrawn", BulkKind.RESTORE: "restored"}


def _begin(
    request: WebRequest,
    key: str,
    kind: BulkKind,
    *,
    way: Way | None = None,
    version: LabelingTaskVersion | None = None,
) -> HttpResponseBase:
    with transaction.atomic():
        # Two people who press at the same moment come one after the other.
        chosen = get_object_or_404(Selection.objects.select_for_update(), key=key)
        other = chosen.acts.filter(finished_at=None).first()
        if chosen.frozen_at is not None and other is None:
            act = bulk.begin(chosen, kind, user=request.user, way=way, version=version)
    if chosen.frozen_at is None:
        return _answer(request, chosen, "Not done: the documents are still being noted.", failed=True)
    if other is not None:
        return _answer(request, chosen, f"Not done: {other.by} was first, and that is still under way.", failed=True)
    wake()
    if act.finished_at is None:
        return _answer(request, chosen, UNDER_WAY)
    stayed = act.looked_at - act.moved
    rest = f"; {noun(stayed, 'document')} stayed as {'it was' if stayed == 1 else 'they were'}" if stayed > 0 else ""
    return _answer(request, chosen, f"{noun(act.moved, 'document')} {DONE[kind]}{rest}.")


def _find(key: str) -> Selection:
    return get_object_or_404(Selection, key=key)


def _answer(request: WebRequest, chosen: Selection, sentence: str, *, failed: bool = False) -> HttpResponseBase:
    back = reverse("selection", args=[chosen.key])
    return answer(request, sentence, page=_page(request, chosen), back=back, failed=failed)


def _page(request: WebRequest, selection: Selection) -> LivePage:
    chosen = report.chosen(selection, version_number=an_id(request.GET.get("version")))
    moves = not chosen.is_ready or chosen.under_way is not None
    return LivePage(
        "documents/selection.html",
        reverse("selection_live", args=[selection.key]),
        FAST if moves else IDLE,
        {"picked": chosen, "selection": selection},
        phase=f"{chosen.is_ready}-{chosen.under_way is None}-{chosen.again}-{chosen.restorable}",
        has_acts=True,
    )
