"""The editor: rows without a script, the request beside it, the exact count."""

from typing import Any

import pytest
from django.test import Client
from django_q.models import OrmQ

from labeling.models import LabelingTask, TokenCount
from labeling.pipeline import counting
from tests.factories import make_document, make_upload
from tests.fake_api import FakeApi
from tests.web.reading import words
from tests.web.test_drafts import TASK


@pytest.fixture
def task(operator: Client) -> LabelingTask:
    operator.post("/tasks/new/", TASK)
    return LabelingTask.objects.get()


def press(client: Client, act: str, **more: Any) -> str:
    return str(client.post("/tasks/new/", {**TASK, "act": act, **more}).content.decode())


def test_a_row_more_and_a_row_less_without_a_script(operator: Client) -> None:
    added = press(operator, "add")
    assert added.count('name="label_name"') == 5
    removed = press(operator, "remove:0")
    assert 'value="red"' not in removed
    assert 'value="blue"' in removed
    assert not LabelingTask.objects.exists()


def test_a_pasted_list_becomes_rows_once(operator: Client) -> None:
    html = press(operator, "preview", labels_pasted="green: like grass\nblack")
    assert 'value="green"' in html
    assert 'value="like grass"' in html
    assert "green: like grass</textarea>" not in html


@pytest.mark.parametrize("act", ["remove:999999", "remove:-1", "remove:x", "whatever"])
def test_a_button_that_nobody_made_changes_nothing(operator: Client, act: str) -> None:
    html = press(operator, act)
    assert 'value="red"' in html
    assert not LabelingTask.objects.exists()


def test_nothing_is_judged_before_it_is_saved(operator: Client) -> None:
    response = operator.post("/tasks/new/", {**TASK, "act": "preview", "name": "", "instructions": ""})
    assert response.status_code == 200
    assert "Not saved" not in words(response.content)


def test_line_ends_of_a_browser_are_no_change(operator: Client, task: LabelingTask) -> None:
    typed = {**TASK, "instructions": "One.\r\nTwo.", "based_on": "1.1"}
    operator.post("/tasks/colors/edit/", typed)
    assert LabelingTask.objects.get().draft.instructions == "One.\nTwo."  # type: ignore[union-attr]
    operator.post("/tasks/colors/edit/", {**typed, "based_on": "2.1"})
    assert LabelingTask.objects.get().draft.revision == 1  # type: ignore[union-attr]


def test_the_preview_shows_the_request_about_a_document_of_the_task(operator: Client, task: LabelingTask) -> None:
    document = make_document(make_upload(task.versions.get()), text="where is my <b>card</b>")
    html = operator.post("/tasks/new/preview", {**TASK, "task": "colors"}).content.decode()
    assert f"D-{document.pk}" in html
    assert "where is my &lt;b&gt;card" in html
    assert "like blood" in html
    assert "about" in html


def test_a_document_of_another_task_is_not_shown(operator: Client, task: LabelingTask) -> None:
    stranger = make_document(text="a secret")
    html = operator.post("/tasks/new/preview", {**TASK, "task": "colors", "sample": str(stranger.pk)}).content.decode()
    assert "a secret" not in html


@pytest.mark.parametrize(
    "typed",
    [
        {},
        {"kind": "extract", "schema": "{"},
        {"kind": "extract", "schema": "[" * 100_000},
        {"kind": "extract", "schema": '{"type":"object","properties":{"a":' * 300 + '{"type":"string"}' + "}}" * 300},
        {"max_tokens": "9" * 40, "sample": "9" * 40},
        {"model": "\x00", "task": "nope"},
    ],
)
def test_whatever_is_typed_the_preview_answers(operator: Client, typed: dict[str, str]) -> None:
    assert operator.post("/tasks/new/preview", {**TASK, **typed}).status_code == 200
    assert operator.post("/tasks/new/preview", typed).status_code == 200


def test_the_exact_count_is_asked_of_a_worker_and_shown_when_it_is_there(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    html = operator.post("/tasks/new/count", TASK).content.decode()
    row = TokenCount.objects.get()
    assert f'hx-get="/live/tokens/{row.digest}"' in html
    assert OrmQ.objects.filter(key="urgent").count() == 1
    FakeApi().install(monkeypatch)
    tokens = counting.count(row.pk)
    shown = operator.get(f"/live/tokens/{row.digest}").content.decode()
    assert f"{tokens} tokens" in shown
    assert "hx-get" not in shown


def test_without_a_script_the_count_is_there_after_another_press(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "A worker asks the API" in press(operator, "count")
    FakeApi().install(monkeypatch)
    counting.count(TokenCount.objects.get().pk)
    assert "counted by the API" in press(operator, "count")


def test_what_cannot_be_sent_is_not_counted(operator: Client) -> None:
    operator.post("/tasks/new/count", {**TASK, "instructions": ""})
    assert not TokenCount.objects.exists()


def test_a_viewer_opens_no_part_of_the_editor(viewer: Client) -> None:
    for path in ("/tasks/new/preview", "/tasks/new/count"):
        assert viewer.post(path, TASK).status_code == 403
