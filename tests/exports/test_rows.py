"""What a row of an export says of its document."""

from decimal import Decimal

import pytest

from labeling import exports
from labeling.exports import COLUMNS
from labeling.models import Document
from labeling.money.pricing import Usage
from labeling.states import DocumentState, FailureReason, Lane, Outcome, UploadState
from labeling.transitions.again import queue_again
from tests.exports.samples import at, rows
from tests.factories import LIST_USD, make_document, make_request, make_result, make_task, make_upload, make_version

pytestmark = pytest.mark.django_db


def test_a_labeled_document_is_told_with_everything_that_is_known_of_it():
    upload = make_upload()
    document = make_document(upload, text="the sky", external_id="a-1", gold_label="blue", metadata={"channel": "mail"})
    request = make_request(document)
    result = make_result(
        request, answer="blue", model="claude-haiku-4-5-20251001", usage=Usage(50, 20, 4, 8, 100), created_at=at(6)
    )

    [row] = rows(upload)

    assert list(row) == [*COLUMNS, "channel"]
    assert row == {
        "external_id": "a-1",
        "text": "the sky",
        "label": "blue",
        "gold_label": "blue",
        "state": "labeled",
        "reason": "",
        "source": "model",
        "lane": "batch",
        "model": "claude-haiku-4-5-20251001",
        "task_version": 1,
        "attempts": 1,
        "custom_id": request.custom_id,
        "batch": f"B-{request.batch_id}",
        "input_tokens": 162,
        "output_tokens": 20,
        "list_cost_usd": "0.000150000000",
        "paid_cost_usd": "0.000075000000",
        "labeled_at": "2026-03-04T06:00:00.000000Z",
        "channel": "mail",
    }
    assert result.paid_usd == Decimal(row["paid_cost_usd"])


def test_a_document_that_waits_has_empty_columns_and_no_cost():
    [row] = rows(make_document().upload)

    assert row["state"] == "queued"
    assert [name for name in COLUMNS if row[name] == ""] == [
        "external_id",
        "label",
        "gold_label",
        "reason",
        "source",
        "lane",
        "model",
        "custom_id",
        "batch",
        "labeled_at",
    ]
    assert (row["task_version"], row["attempts"], row["input_tokens"], row["output_tokens"]) == (1, 0, 0, 0)
    assert Decimal(row["list_cost_usd"]) == Decimal(row["paid_cost_usd"]) == 0


def test_a_document_in_flight_names_its_open_attempt():
    request = make_request()

    [row] = rows(request.document.upload)

    assert (row["state"], row["label"], row["labeled_at"]) == ("batched", "", "")
    assert (row["custom_id"], row["model"]) == (request.custom_id, request.version.model)
    assert (row["batch"], row["lane"], row["attempts"]) == (f"B-{request.batch_id}", "batch", 1)


def test_an_urgent_document_has_no_batch_and_pays_the_list_price():
    request = make_request(lane=Lane.URGENT)
    make_result(request)

    [row] = rows(request.document.upload)

    assert (row["lane"], row["batch"], row["custom_id"]) == ("urgent", "", request.custom_id)
    assert row["list_cost_usd"] == row["paid_cost_usd"] == "0.000150000000"


def test_a_failed_document_says_why_and_shows_no_unusable_answer_as_label():
    request = make_request()
    make_result(request, answer="mauve", usable=False, failure_reason=FailureReason.NOT_A_LABEL)

    [row] = rows(request.document.upload)

    assert (row["state"], row["reason"], row["label"], row["source"]) == ("failed", "not_a_label", "", "")
    assert row["custom_id"] == request.custom_id
    assert Decimal(row["paid_cost_usd"]) == LIST_USD / 2


def test_tokens_and_money_are_summed_over_all_attempts():
    document = make_document()
    make_request(document, outcome=Outcome.NOT_SENT)
    make_result(make_request(document), usable=False, goes_again=True, list_usd=Decimal("0.3"), paid_usd=Decimal("0.1"))
    make_result(make_request(document), outcome=Outcome.EXPIRED, goes_again=True)
    last = make_request(document)
    make_result(last, usage=Usage(7, 5), list_usd=Decimal("0.000000000003"), paid_usd=Decimal("0.000000000001"))

    [row] = rows(document.upload)

    assert row["attempts"] == 3
    assert (row["input_tokens"], row["output_tokens"]) == (57, 25)
    assert (row["list_cost_usd"], row["paid_cost_usd"]) == ("0.300000000003", "0.100000000001")
    assert (row["state"], row["custom_id"]) == ("labeled", last.custom_id)


def test_the_last_attempt_that_was_sent_is_named_while_there_is_no_result():
    document = make_document()
    expired = make_request(document)
    make_result(expired, outcome=Outcome.EXPIRED, goes_again=True)
    make_request(document, outcome=Outcome.NOT_SENT)

    [row] = rows(document.upload)

    assert (row["state"], row["custom_id"], row["model"]) == ("queued", expired.custom_id, expired.version.model)


def test_one_unknown_price_makes_the_sum_unknown_and_not_smaller():
    document = make_document()
    make_result(make_request(document), usable=False, goes_again=True, list_usd=None, paid_usd=None)
    make_result(make_request(document))

    [row] = rows(document.upload)

    assert (row["list_cost_usd"], row["paid_cost_usd"]) == ("", "")
    assert row["input_tokens"] == 100


def test_a_copy_shows_the_result_of_its_leader_and_costs_nothing():
    upload = make_upload()
    leader, copy = make_document(upload, text="same"), make_document(upload, text="same", external_id="copy")
    request = make_request(leader)
    make_result(request, answer="green")

    first, second = rows(upload)

    assert copy.leader_id == leader.pk
    assert (first["source"], second["source"]) == ("model", "copy")
    assert second["external_id"] == "copy"
    for name in ("label", "lane", "model", "custom_id", "batch", "task_version", "labeled_at"):
        assert second[name] == first[name]
    assert (second["attempts"], second["input_tokens"], second["output_tokens"]) == (0, 0, 0)
    assert Decimal(second["list_cost_usd"]) == Decimal(second["paid_cost_usd"]) == 0


def test_a_copy_that_waits_has_no_source_yet():
    upload = make_upload()
    make_request(make_document(upload, text="same"))
    make_document(upload, text="same")

    assert [(row["state"], row["source"], row["custom_id"]) for row in rows(upload)][1] == ("queued", "", "")


def test_a_document_that_is_sent_again_keeps_its_label_until_a_better_one_arrives():
    document = make_document()
    first = make_request(document)
    make_result(first, answer="red")
    Document.objects.filter(pk=document.pk).update(state=DocumentState.FAILED, failure_reason=FailureReason.UNCLEAR)
    queue_again(Document.objects.filter(pk=document.pk), document.way)
    make_request(document)

    [before] = rows(document.upload)
    second = document.request_set.get(outcome=Outcome.OPEN)
    make_result(second, answer="blue")
    [after] = rows(document.upload)

    assert (before["state"], before["label"], before["custom_id"]) == ("batched", "red", first.custom_id)
    assert (after["state"], after["label"], after["custom_id"]) == ("labeled", "blue", second.custom_id)
    assert Decimal(after["paid_cost_usd"]) == LIST_USD


def test_a_result_is_told_with_the_version_that_brought_it():
    task = make_task()
    old = make_version(task)
    upload = make_upload(old)
    labeled, waiting = make_document(upload), make_document(upload)
    make_result(make_request(labeled))
    new = make_version(task)
    Document.objects.filter(upload=upload).update(version=new)

    assert [row["task_version"] for row in rows(upload)] == [1, 2]
    assert waiting.version_id == old.pk


def test_withdrawn_documents_and_uploads_are_left_out():
    version = make_version()
    kept, wrong = make_upload(version), make_upload(version, state=UploadState.WITHDRAWN)
    make_document(kept, external_id="kept")
    make_document(kept, external_id="withdrawn", state=DocumentState.WITHDRAWN)
    make_document(wrong, external_id="wrong file")

    assert [row["external_id"] for row in exports.rows(version.task)] == ["kept"]
