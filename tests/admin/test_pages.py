"""The admin looks: every list and every page opens, for those who may, at a cost that rows do not change."""

import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django_q.models import Failure, OrmQ, Schedule, Success

from labeling import admin_site
from labeling.admin import base
from labeling.admin_site import STORY
from labeling.models import (
    Activity,
    Batch,
    Document,
    DocumentText,
    LabelingTask,
    ModelPrice,
    Request,
    Result,
    Upload,
)
from labeling.states import BatchState, DocumentState, Way
from tests.admin.world import sign_in
from tests.factories import make_document, make_upload

OURS = list(apps.get_app_config("labeling").get_models())
SHOWN = [*OURS, Success, Failure, Schedule, OrmQ]
Rows = dict[type[Model], Any]


def _url(model: type[Model], page: str, *args: object, **query: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args, query=query)


def list_url(model: type[Model], **query: object) -> str:
    return _url(model, "changelist", **query)


def page_url(row: Model) -> str:
    return _url(type(row), "change", row.pk)


def test_every_model_is_registered() -> None:
    assert [model for model in OURS if not admin.site.is_registered(model)] == []


def test_the_list_and_the_page_of_every_model_open(superuser: Client, rows: Rows) -> None:
    assert _answers(superuser, rows) == _all(200)


def test_every_list_shows_its_rows(superuser: Client, rows: Rows) -> None:
    shown = {model: bool(superuser.get(list_url(model)).context["cl"].result_list) for model in SHOWN}
    assert [model for model, found in shown.items() if not found] == []


def test_a_viewer_looks_at_every_model(viewer: Client, rows: Rows) -> None:
    assert _answers(viewer, rows) == _all(200)


def test_a_viewer_is_offered_no_action_and_no_save(viewer: Client, rows: Rows) -> None:
    pages = {model: viewer.get(list_url(model)).text + viewer.get(page_url(rows[model])).text for model in SHOWN}
    assert [m for m, page in pages.items() if 'name="action"' in page or 'name="_save"' in page] == []


def test_a_stranger_is_sent_to_sign_in(client: Client, rows: Rows) -> None:
    assert _answers(client, rows) == _all(302)
    assert "login" in client.get(list_url(Document))["Location"]


def test_a_colleague_without_staff_status_does_not_get_in(rows: Rows) -> None:
    assert _answers(sign_in("rita", "admin", is_staff=False), rows) == _all(302)


def test_staff_without_a_group_sees_nothing(rows: Rows) -> None:
    assert _answers(sign_in("nora"), rows) == _all(403)


def test_a_list_takes_as_many_queries_for_one_row_as_for_many(superuser: Client, make_rows: Callable[[], Rows]) -> None:
    make_rows()
    superuser.get(list_url(Document))
    few = {model: _queries(superuser, list_url(model)) for model in SHOWN}
    for _ in range(4):
        make_rows()
    assert {model: _queries(superuser, list_url(model)) for model in SHOWN} == few


def test_rows_of_the_story_are_neither_added_nor_changed_nor_deleted(superuser: Client, rows: Rows) -> None:
    story = [model for model in SHOWN if model not in (ModelPrice, LabelingTask)]
    before = {model: _columns(rows[model]) for model in story}
    posted = {"state": "labeled", "post": "yes", "key": "x", "value": "1", "name": "x"}
    answers = {
        url: superuser.post(url, posted).status_code
        for model in story
        for url in (page_url(rows[model]), _url(model, "add"), _url(model, "delete", rows[model].pk))
    }
    assert {url: status for url, status in answers.items() if status != 403} == {}
    assert {model: _columns(rows[model]) for model in story} == before


def test_an_operator_changes_name_and_priority_of_a_task_and_nothing_else(operator: Client, rows: Rows) -> None:
    task = rows[LabelingTask]
    versions = {"versions-TOTAL_FORMS": 0, "versions-INITIAL_FORMS": 0}
    answer = operator.post(page_url(task), {"name": "Invoices", "priority": 7, "slug": "stolen", **versions})
    changed = LabelingTask.objects.get(pk=task.pk)
    assert answer.status_code == 302
    assert (changed.name, changed.priority, changed.slug) == ("Invoices", 7, task.slug)


def test_a_changed_priority_is_in_the_activity_with_before_and_after(operator: Client, rows: Rows) -> None:
    task = rows[LabelingTask]
    versions = {"versions-TOTAL_FORMS": 0, "versions-INITIAL_FORMS": 0}
    operator.post(page_url(task), {"name": task.name, "priority": 7, **versions})
    act = Activity.objects.latest("pk")
    assert (act.by, act.subject, act.detail) == (
        "otto",
        f"task:{task.slug}",
        {"before": {"priority": 0}, "after": {"priority": 7}},
    )


def test_a_viewer_cannot_change_a_task(viewer: Client, rows: Rows) -> None:
    assert viewer.post(page_url(rows[LabelingTask]), {"name": "Mine", "priority": 9}).status_code == 403


@pytest.mark.parametrize("action", ["send_urgently", "close", "delete_selected", "no such action", ""])
def test_a_viewer_who_posts_an_action_is_refused(action: str, viewer: Client, rows: Rows) -> None:
    document = rows[Document]
    answer = viewer.post(list_url(Document), {"action": action, "index": 0, "_selected_action": [document.pk]})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("model", "term"),
    [
        (Document, lambda rows: rows[Document].pk),
        (Document, lambda rows: f"D-{rows[Document].pk}"),
        (Document, lambda rows: "EXT-0"),
        (Document, lambda rows: rows[Request].custom_id),
        (DocumentText, lambda rows: "EXT-0"),
        (Request, lambda rows: rows[Request].custom_id),
        (Request, lambda rows: f"d-{rows[Document].pk}"),
        (Request, lambda rows: f"B-{rows[Batch].pk}"),
        (Result, lambda rows: rows[Request].custom_id),
        (Batch, lambda rows: rows[Batch].message_batch_id),
        (Batch, lambda rows: rows[Batch].token),
        (Batch, lambda rows: f"B-{rows[Batch].pk}"),
        (Upload, lambda rows: rows[Upload].sha256),
        (Upload, lambda rows: f"u-{rows[Upload].pk}"),
    ],
)
def test_a_search_finds_the_row_that_was_named(
    model: type[Model], term: Callable[[Rows], object], superuser: Client, make_rows: Callable[[], Rows]
) -> None:
    rows = make_rows()
    make_rows()
    found = superuser.get(list_url(model, q=term(rows))).context["cl"].result_list
    assert [row.pk for row in found] == [rows[model].pk]


@pytest.mark.parametrize("term", ["nothing at all", "9" * 40, "D-", "²", "x-y-3-z", "' OR 1=1"])
def test_a_search_for_nonsense_finds_nothing_and_says_so(term: str, superuser: Client, rows: Rows) -> None:
    searched = [model for model in OURS if admin.site.get_model_admin(model).search_fields]
    answers = {model: superuser.get(list_url(model, q=term)) for model in searched}
    assert {model for model, answer in answers.items() if answer.context["cl"].result_list} == set()


@pytest.mark.parametrize("stands", ["queued", "person", "closed"])
def test_documents_are_filtered_by_where_they_stand(stands: str, superuser: Client, db: None) -> None:
    upload = make_upload()
    expected = {
        "queued": make_document(upload),
        "person": make_document(upload, state=DocumentState.FAILED),
        "closed": make_document(upload, state=DocumentState.FAILED, closed_at=upload.ready_at),
    }
    found = superuser.get(list_url(Document, stands=stands)).context["cl"].result_list
    assert [row.pk for row in found] == [expected[stands].pk]


def test_the_documents_of_an_upload_are_a_link_away(superuser: Client, rows: Rows) -> None:
    make_document(make_upload(rows[Upload].version))
    links = re.findall(r'href="(/admin/labeling/document/\?[^"]+)"', superuser.get(page_url(rows[Upload])).text)
    found = superuser.get(links[0]).context["cl"].result_list
    assert {row.upload_id for row in found} == {rows[Upload].pk}


def test_a_list_never_counts_further_than_its_bound(
    superuser: Client, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "LONGEST_LIST", 3)
    upload = make_upload()
    for _ in range(5):
        make_document(upload)
    with CaptureQueriesContext(connection) as queries:
        counted = superuser.get(list_url(Document)).context["cl"].result_count
    counts = [query["sql"] for query in queries if "COUNT(" in query["sql"] and "labeling_document" in query["sql"]]
    assert counted == 3
    assert all("LIMIT 3" in sql for sql in counts)


def test_filters_do_not_offer_to_count_the_whole_table(superuser: Client, rows: Rows) -> None:
    with CaptureQueriesContext(connection) as queries:
        page = superuser.get(list_url(Document, _facets=1)).text
    assert "Show counts" not in page
    assert not [query["sql"] for query in queries if "FILTER (WHERE" in query["sql"]]


def test_a_list_that_reached_its_bound_says_so(superuser: Client, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "3 documents" in superuser.get(list_url(Document)).text
    monkeypatch.setattr(base, "LONGEST_LIST", 2)
    page = superuser.get(list_url(Document, upload__id__exact=rows[Upload].pk)).text
    assert "The first 2 are shown" in page
    assert "2 results" not in page


def test_a_list_sorts_by_its_key_whatever_the_address_asks_for(superuser: Client, rows: Rows) -> None:
    with CaptureQueriesContext(connection) as queries:
        superuser.get(list_url(Document, o="5.-3"))
    sql = " ".join(query["sql"] for query in queries if 'FROM "labeling_document"' in query["sql"])
    assert set(re.findall(r"ORDER BY (.*?)(?: LIMIT|$)", sql)) == {'"labeling_document"."id" DESC'}


def test_a_long_text_shows_its_beginning(superuser: Client, db: None) -> None:
    document = make_document(text="x" * 50_000)
    page = superuser.get(page_url(document.content)).text
    assert "x" * base.BEGINNING in page
    assert "x" * (base.BEGINNING + 1) not in page


def test_actions_work_on_checked_rows_only_and_never_on_all_that_were_not_counted(operator: Client, rows: Rows) -> None:
    waiting = make_document(rows[Upload])
    answer = operator.post(
        list_url(Document),
        {"action": "send_now", "index": 0, "select_across": 1, "_selected_action": [waiting.pk]},
        follow=True,
    )
    waiting.refresh_from_db()
    assert waiting.way == Way.TONIGHT
    assert "checked on one page" in answer.text


def test_the_first_page_tells_the_story_in_order(superuser: Client) -> None:
    answer = superuser.get(reverse("admin:index"))
    assert [app["name"] for app in answer.context["app_list"]] == [title for title, _ in STORY]
    assert "Nightshift" in answer.text


def test_a_model_outside_the_story_is_still_listed(superuser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin_site, "STORY", STORY[:-1])
    listed = superuser.get(reverse("admin:index")).context["app_list"]
    assert [app["name"] for app in listed].count("Authentication and Authorization") == 2


@pytest.mark.parametrize("model", [Document, Batch])
def test_nothing_of_a_page_is_forbidden_by_our_content_policy(
    model: type[Model], superuser: Client, rows: Rows
) -> None:
    for url in (list_url(model), page_url(rows[model])):
        answer = superuser.get(url)
        assert "script-src 'self'" in answer["Content-Security-Policy"]
        assert re.findall(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", answer.text) == []


def test_the_web_process_does_not_import_anthropic() -> None:
    program = "import sys, django; django.setup(); import labeling.admin; print('anthropic' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


def test_the_states_that_an_unknown_batch_may_be_filtered_by_are_offered(superuser: Client, rows: Rows) -> None:
    assert f"state__exact={BatchState.UNKNOWN.value}" in superuser.get(list_url(Batch)).text


def _answers(client: Client, rows: Rows) -> dict[str, tuple[int, int]]:
    """What the list and the page of a row answer, by model."""
    return {
        model.__name__: (client.get(list_url(model)).status_code, client.get(page_url(rows[model])).status_code)
        for model in SHOWN
    }


def _all(status: int) -> dict[str, tuple[int, int]]:
    return {model.__name__: (status, status) for model in SHOWN}


def _columns(row: Model) -> dict[str, Any]:
    return type(row)._default_manager.filter(pk=row.pk).values().get()


def _queries(client: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    return len(queries)
