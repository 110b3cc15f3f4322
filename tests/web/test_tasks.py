"""Labeling tasks and their versions, by form."""

import pytest
from django.test import Client

from labeling.models import LabelingTask
from tests.factories import make_document, make_request, make_result, make_upload
from tests.web.reading import see, words

TASK = {
    "name": "Colors",
    "slug": "colors",
    "kind": "classify",
    "instructions": "Name the color.",
    "model": "claude-haiku-4-5",
    "max_tokens": "256",
    "label_name": ["red", "blue", ""],
    "label_description": ["like blood", "", ""],
    "priority": "2",
}


def test_a_task_is_made_from_a_table_of_labels_and_pasted_lines(operator: Client) -> None:
    response = operator.post("/tasks/new/", {**TASK, "labels_pasted": "green: like grass\nblack"})
    version = LabelingTask.objects.get().version_in_use
    assert response["Location"] == "/tasks/colors/"
    assert version
    assert [(label["name"], label["description"]) for label in version.labels] == [
        ("red", "like blood"),
        ("blue", ""),
        ("green", "like grass"),
        ("black", ""),
    ]
    assert "Colors, v1" in see(operator, "/tasks/colors/")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"label_name": [], "label_description": []}, "A classify task needs labels"),
        ({"instructions": " "}, "The instructions are blank."),
        ({"kind": "extract", "schema": "{"}, "This is not JSON"),
        ({"kind": "extract", "schema": "[" * 200_001}, "more than 200,000 characters"),
        ({"slug": "new"}, "is taken by the page that makes tasks"),
        ({"model": "claude haiku"}, "cannot be the id of a model"),
    ],
)
def test_a_task_that_cannot_be_used_is_refused_in_words(
    operator: Client, change: dict[str, object], sentence: str
) -> None:
    response = operator.post("/tasks/new/", {**TASK, **change})
    assert (response.status_code, LabelingTask.objects.count()) == (422, 0)
    assert sentence in words(response.content)


def test_what_was_typed_is_still_there_after_a_refusal(operator: Client) -> None:
    html = operator.post("/tasks/new/", {**TASK, "instructions": ""}).content.decode()
    assert 'value="like blood"' in html
    assert 'value="claude-haiku-4-5"' in html


def test_a_task_with_a_slug_of_another_is_not_overwritten(operator: Client) -> None:
    operator.post("/tasks/new/", TASK)
    response = operator.post("/tasks/new/", {**TASK, "instructions": "Other."})
    assert "A task with this short name exists already" in words(response.content)
    assert LabelingTask.objects.get().versions.count() == 1


def test_one_task_can_be_paused_and_resumed(operator: Client) -> None:
    operator.post("/tasks/new/", TASK)
    operator.post("/tasks/colors/pause", {"reason": "we look at it"})
    assert "Nothing of this task leaves." in see(operator, "/tasks/colors/")
    assert "Nothing waits behind it, so nothing leaves." in see(operator, "/tasks/colors/")
    operator.post("/tasks/colors/resume")
    assert "Nothing of this task leaves." not in see(operator, "/tasks/colors/")


def test_a_schema_that_is_nested_without_end_is_refused_in_words(operator: Client) -> None:
    for schema in ("[" * 100_000, '{"a":' * 900 + "1" + "}" * 900):
        response = operator.post("/tasks/new/", {**TASK, "kind": "extract", "schema": schema})
        assert (response.status_code, LabelingTask.objects.count()) == (422, 0)
    deep = '{"type":"object","properties":{"a":' * 300 + '{"type":"string"}' + "}}" * 300
    assert operator.post("/tasks/new/", {**TASK, "kind": "extract", "schema": deep}).status_code in (302, 422)


def test_the_list_says_where_each_task_stands(operator: Client, viewer: Client) -> None:
    operator.post("/tasks/new/", TASK)
    assert "No documents yet" in see(viewer, "/tasks/")
    task = LabelingTask.objects.get()
    make_document(make_upload(task.versions.get()))
    assert "1 waits" in see(viewer, "/tasks/")
    operator.post("/tasks/colors/pause", {"reason": "we look at it"})
    assert "Held by operator-person" in see(viewer, "/tasks/")


def test_a_version_says_what_it_changed_and_what_it_brought(operator: Client, viewer: Client) -> None:
    operator.post("/tasks/new/", TASK)
    operator.post("/tasks/colors/edit/", {**TASK, "instructions": "Say the color.", "based_on": "1.1"})
    first, draft = LabelingTask.objects.get().versions.order_by("number")
    upload = make_upload(first, inspection={"gold_column": "gold"})
    make_result(make_request(make_document(upload, gold_label="RED")), answer="red")
    make_document(make_upload(draft, kind="trial"))
    seen = see(viewer, "/tasks/colors/?version=2")
    assert "What v2 says otherwise than v1" in seen
    assert "0 + 1 tried" in seen
    assert "20.7 to 100.0 % of 1" in seen
    html = viewer.get("/tasks/colors/?version=2").content.decode()
    assert "<ins>Say the color.</ins>" in html
    assert "<del>Name the color.</del>" in html
    assert "Both say the same." not in see(viewer, "/tasks/colors/?version=1&with=2")


def test_documents_of_trials_are_not_counted_among_those_of_the_task(operator: Client, viewer: Client) -> None:
    operator.post("/tasks/new/", TASK)
    version = LabelingTask.objects.get().versions.get()
    make_document(make_upload(version))
    make_document(make_upload(version, kind="trial"))
    assert "Waiting 1" in see(viewer, "/tasks/colors/")
