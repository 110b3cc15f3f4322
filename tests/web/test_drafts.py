"""Drafts on the pages: saving, putting in use, and who was first."""

from typing import Any

import pytest
from django.test import Client

from labeling.models import Document, LabelingTask, LabelingTaskVersion
from tests.factories import make_document, make_request, make_result, make_upload
from tests.web.reading import see, words

TASK: dict[str, Any] = {
    "name": "Colors",
    "slug": "colors",
    "kind": "classify",
    "instructions": "Name the color.",
    "model": "claude-haiku-4-5",
    "max_tokens": "256",
    "label_name": ["red", "blue"],
    "label_description": ["like blood", ""],
}
IN_USE = {"seen": "2.1", "seen_in_use": "1.1"}


@pytest.fixture
def task(operator: Client) -> LabelingTask:
    operator.post("/tasks/new/", TASK)
    return LabelingTask.objects.get()


def save(client: Client, instructions: str = "Say the color.", based_on: str = "1.1", **more: str) -> Any:
    return client.post("/tasks/colors/edit/", {**TASK, "instructions": instructions, "based_on": based_on, **more})


def in_use() -> int:
    version = LabelingTask.objects.get().version_in_use
    assert version
    return version.number


def test_an_edit_makes_a_draft_and_an_unchanged_one_does_not(operator: Client, task: LabelingTask) -> None:
    save(operator, "Name the color.")
    assert task.versions.count() == 1
    response = save(operator)
    assert response["Location"] == "/tasks/colors/?version=2"
    assert in_use() == 1
    assert "Draft, not in use" in see(operator, "/tasks/colors/?version=2")
    assert "There is a draft" in see(operator, "/tasks/colors/")


def test_the_editor_goes_on_with_the_draft(operator: Client, task: LabelingTask) -> None:
    save(operator)
    assert "You edit the draft v2" in see(operator, "/tasks/colors/edit/")
    assert 'value="2.1"' in operator.get("/tasks/colors/edit/").content.decode()


def test_a_stale_edit_is_refused_with_who_saved_and_the_typed_text_stays(
    operator: Client, admin: Client, task: LabelingTask
) -> None:
    save(admin, "First.")
    response = save(operator, "Second.")
    assert response.status_code == 422
    assert "admin-person saved version 2 at" in words(response.content)
    assert "Second." in response.content.decode()
    assert LabelingTaskVersion.objects.get(number=2).instructions == "First."


def test_who_read_the_refusal_may_save_over_it(operator: Client, admin: Client, task: LabelingTask) -> None:
    save(admin, "First.")
    refused = save(operator, "Second.")
    assert 'name="over" value="2.1"' in refused.content.decode()
    save(operator, "Second.", over="2.1")
    assert LabelingTaskVersion.objects.get(number=2).instructions == "Second."


def test_putting_in_use_asks_about_the_documents_that_wait_with_the_price_of_both(
    operator: Client, task: LabelingTask
) -> None:
    first = task.versions.get()
    make_result(make_request(make_document(make_upload(first))))
    for _ in range(3):
        make_document(make_upload(first))
    save(operator)
    draft = task.versions.get(number=2)
    make_result(make_request(make_document(make_upload(draft))))
    asked = see(operator, "/tasks/colors/versions/2/use/")
    assert "3 documents wait" in asked
    assert "Move 3 to v2" in asked
    assert "About $0.00023 becomes about $0.00023." in asked


def test_putting_in_use_moves_what_waits(operator: Client, task: LabelingTask) -> None:
    make_document(make_upload(task.versions.get()))
    save(operator)
    response = operator.post("/tasks/colors/versions/2/put-in-use", {**IN_USE, "waiting": "move"}, follow=True)
    assert "1 document moved to v2." in words(response.content)
    assert (in_use(), Document.objects.get().version.number) == (2, 2)


def test_documents_can_be_left_and_moved_later(operator: Client, task: LabelingTask) -> None:
    make_document(make_upload(task.versions.get()))
    save(operator)
    operator.post("/tasks/colors/versions/2/put-in-use", {**IN_USE, "waiting": "leave"})
    assert (in_use(), Document.objects.get().version.number) == (2, 1)
    assert "1 document waits with an earlier version." in see(operator, "/tasks/colors/")
    operator.post("/tasks/colors/move")
    assert Document.objects.get().version.number == 2


def test_a_stale_put_in_use_is_refused_with_who_was_first(operator: Client, admin: Client, task: LabelingTask) -> None:
    save(operator)
    save(admin, "Other words.", based_on="2.1")
    response = operator.post("/tasks/colors/versions/2/put-in-use", {**IN_USE, "waiting": "move"}, follow=True)
    assert "Not put in use: admin-person saved version 2 at" in words(response.content)
    assert in_use() == 1


def test_a_draft_can_be_discarded(operator: Client, task: LabelingTask) -> None:
    save(operator)
    operator.post("/tasks/colors/versions/2/discard", {"seen": "2.1"})
    assert LabelingTask.objects.get().draft is None
    assert "There is a draft" not in see(operator, "/tasks/colors/")
    assert "Draft, set aside" in see(operator, "/tasks/colors/?version=2")


def test_a_draft_that_changed_meanwhile_is_not_discarded(operator: Client, admin: Client, task: LabelingTask) -> None:
    save(operator)
    save(admin, "Other words.", based_on="2.1")
    response = operator.post("/tasks/colors/versions/2/discard", {"seen": "2.1"}, follow=True)
    assert "Not discarded: admin-person saved version 2" in words(response.content)
    assert task.versions.count() == 2


def test_the_version_in_use_cannot_be_put_in_use_again(operator: Client, task: LabelingTask) -> None:
    assert operator.get("/tasks/colors/versions/1/use/").status_code == 404
