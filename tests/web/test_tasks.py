"""Labeling tasks and their versions, by form."""

import pytest
from django.test import Client

from labeling.models import LabelingTask
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
