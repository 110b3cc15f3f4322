"""What only a person can settle."""

import re

import pytest
from django.test import Client

from labeling.models import Activity, Document, LabelingTask
from labeling.states import DocumentState, FailureReason, Way
from tests.factories import (
    make_document,
    make_request,
    make_result,
    make_task,
    make_upload,
    make_version,
)
from tests.web.reading import see, words


@pytest.fixture
def failures(db: None) -> LabelingTask:
    task = make_task(slug="colors", name="Colors")
    upload = make_upload(make_version(task))
    for number in range(4):
        request = make_request(make_document(upload, external_id=f"T-{number}"))
        make_result(request, usable=False, failure_reason="not_a_label", answer="purple")
    make_result(make_request(make_document(upload)), usable=False, failure_reason="cut_off")
    return task


def test_a_decision_has_its_cause_its_examples_and_what_to_do(viewer: Client, failures: LabelingTask) -> None:
    seen = see(viewer, "/decisions/")
    assert "2 decisions, 5 documents" in seen
    assert FailureReason.NOT_A_LABEL.sentence in seen
    assert seen.count("T-") == 3
    assert "Send 4 again" not in seen


def test_a_cause_goes_again_as_a_whole_and_names_its_price(operator: Client, failures: LabelingTask) -> None:
    assert re.search(r"Send 4 again Tonight, about \$0\.\d+", see(operator, "/decisions/"))
    response = operator.post("/decisions/colors/not_a_label/retry", {"way": "now"}, follow=True)
    assert "4 documents go again" in words(response.content)
    assert Document.objects.filter(state=DocumentState.QUEUED, way=Way.NOW).count() == 4
    assert "1 decision, 1 document" in see(operator, "/decisions/")
    assert Activity.objects.get(subject="task:colors").sentence.startswith("Sends 4 documents again")


def test_who_retries_second_reads_who_was_first(operator: Client, admin: Client, failures: LabelingTask) -> None:
    admin.post("/decisions/colors/not_a_label/retry", {"way": "now"})
    response = operator.post("/decisions/colors/not_a_label/retry", {"way": "tonight"}, follow=True)
    assert "nothing of this cause is open any more. admin-person was first" in words(response.content)


def test_closing_needs_a_reason_and_leaves_the_list(operator: Client, failures: LabelingTask) -> None:
    operator.post("/decisions/colors/cut_off/close", {"reason": ""})
    assert "2 decisions" in see(operator, "/decisions/")
    operator.post("/decisions/colors/cut_off/close", {"reason": "not worth it"})
    seen = see(operator, "/decisions/")
    assert "1 decision, 4 documents" in seen
    assert "not worth it" in seen


def test_what_goes_again_by_itself_is_quiet_and_no_decision(viewer: Client) -> None:
    document = make_document()
    make_result(make_request(document), usable=False, goes_again=True)
    seen = see(viewer, "/decisions/")
    assert "1 document goes again by itself" in seen
    assert "No failure is open" in seen


def test_one_document_is_one_in_the_activity(operator: Client, failures: LabelingTask) -> None:
    operator.post("/decisions/colors/cut_off/retry", {"way": "now"})
    assert Activity.objects.get().sentence.startswith("Sends 1 document again")


def test_one_closed_document_is_one_in_the_activity(operator: Client, failures: LabelingTask) -> None:
    operator.post("/decisions/colors/cut_off/close", {"reason": "not worth it"})
    assert Activity.objects.get().sentence.startswith("Closed 1 failed document (")
