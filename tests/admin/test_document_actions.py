"""The actions on documents move exactly what they may, and say what they did not move and why."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from labeling.models import Activity, Document
from labeling.states import DocumentState, FailureReason, Lane, Outcome, Way
from tests.admin.world import act, messages
from tests.factories import make_document, make_request, make_result, make_upload

pytestmark = pytest.mark.django_db


def failed(upload: Any = None, **columns: Any) -> Document:
    return make_document(upload, state=DocumentState.FAILED, **columns)


@pytest.mark.parametrize(
    ("action", "way"), [("send_now", Way.NOW), ("send_urgently", Way.URGENT), ("send_tonight", Way.TONIGHT)]
)
def test_only_what_waits_leaves_another_way(action: str, way: Way, operator: Client) -> None:
    other = Way.NOW if way == Way.TONIGHT else Way.TONIGHT
    upload = make_upload()
    documents = {
        "queued": make_document(upload, way=other),
        "batched": make_request(make_document(upload, way=other)).document,
        "labeled": make_result(make_request(make_document(upload, way=other))).request.document,
        "failed": failed(upload, way=other),
        "withdrawn": make_document(upload, way=other, state=DocumentState.WITHDRAWN),
    }
    act(operator, list(documents.values()), action)
    ways = {state: Document.objects.get(pk=document.pk).way for state, document in documents.items()}
    assert ways == {**dict.fromkeys(documents, other), "queued": way}


def test_what_moved_and_what_did_not_is_said_with_the_reason(operator: Client) -> None:
    upload = make_upload()
    rows = [
        make_document(upload),
        make_document(upload, way=Way.NOW),
        make_request(make_document(upload)).document,
        failed(upload),
    ]
    answer = act(operator, rows, "send_now")
    kept = "1 failed, 1 in a batch or an urgent call, 1 leaving that way already"
    assert messages(answer) == [f"Leaving in a batch now: 1. Not changed: 3 ({kept})."]


def test_a_document_that_is_claimed_between_looking_and_acting_keeps_its_way(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from labeling.admin import documents as page

    document = make_document()
    change_way = page.ways.change_way

    def claimed_first(documents: Any, way: Way) -> int:
        make_request(document, lane=Lane.URGENT)
        return change_way(documents, way)

    monkeypatch.setattr(page.ways, "change_way", claimed_first)
    answer = act(operator, [document], "send_now")
    document.refresh_from_db()
    assert (document.state, document.way) == (DocumentState.BATCHED, Way.TONIGHT)
    assert messages(answer) == ["Leaving in a batch now: 0. Not changed: 1 (1 changed meanwhile)."]


def test_a_copy_of_what_is_in_a_batch_waits_for_it(operator: Client) -> None:
    upload = make_upload()
    leader = make_document(upload, text="the same")
    copy = make_document(upload, text="the same")
    make_request(leader)
    answer = act(operator, [copy], "send_urgently")
    copy.refresh_from_db()
    assert copy.way == Way.TONIGHT
    assert f"1 copy of D-{leader.pk}, which is batched" in messages(answer)[0]


def test_an_act_is_in_the_activity_under_the_upload_of_its_documents(operator: Client) -> None:
    upload = make_upload()
    document = make_document(upload)
    act(operator, [document, failed(upload)], "send_urgently")
    activity = Activity.objects.get()
    assert (activity.by, activity.subject, activity.detail) == ("otto", f"U-{upload.pk}", {"documents": [document.pk]})


def test_an_action_that_moves_nothing_leaves_no_activity(operator: Client) -> None:
    act(operator, [failed()], "send_now")
    assert Activity.objects.count() == 0


def test_sending_again_first_shows_what_every_reason_means(operator: Client) -> None:
    upload = make_upload()
    unclear = make_request(make_document(upload), lane=Lane.URGENT, outcome=Outcome.UNCLEAR).document
    page = act(operator, [unclear, failed(upload, failure_reason=FailureReason.REFUSED)], "send_again")
    unclear.refresh_from_db()
    assert unclear.state == DocumentState.FAILED
    assert FailureReason.UNCLEAR.sentence in page.text
    assert FailureReason.REFUSED.sentence in page.text


@pytest.mark.parametrize("way", list(Way))
def test_failed_documents_go_again_the_chosen_way_with_their_copies(way: Way, operator: Client) -> None:
    upload = make_upload()
    leader = failed(upload, text="the same")
    copy = make_document(upload, text="the same")
    answer = act(operator, [leader, make_document(upload)], "send_again", way=way.value)
    rows = Document.objects.filter(pk__in=[leader.pk, copy.pk])
    assert set(rows.values_list("state", "way")) == {(DocumentState.QUEUED, way)}
    assert messages(answer) == ["Sent again: 1. Not changed: 1 (1 queued)."]


def test_what_is_not_failed_is_not_sent_again(operator: Client) -> None:
    labeled = make_result().request.document
    withdrawn = make_document(state=DocumentState.WITHDRAWN)
    answer = act(operator, [labeled, withdrawn], "send_again", way="now")
    states = set(Document.objects.filter(pk__in=[labeled.pk, withdrawn.pk]).values_list("state", flat=True))
    assert states == {DocumentState.LABELED, DocumentState.WITHDRAWN}
    assert "Sent again: 0." in messages(answer)[0]


def test_a_way_that_does_not_exist_is_asked_for_again(operator: Client) -> None:
    document = failed()
    page = act(operator, [document], "send_again", way="yesterday")
    document.refresh_from_db()
    assert document.state == DocumentState.FAILED
    assert "not one of the available choices" in page.text


def test_failures_are_closed_with_their_reason(operator: Client) -> None:
    open_failure, closed = failed(), failed(closed_at=timezone.now(), closed_reason="long ago")
    waiting = make_document()
    answer = act(operator, [open_failure, closed, waiting], "close", reason="not needed")
    rows = Document.objects.in_bulk()
    reasons = {row.pk: row.closed_reason for row in rows.values()}
    assert reasons == {open_failure.pk: "not needed", closed.pk: "long ago", waiting.pk: ""}
    assert messages(answer) == ["Closed: 1. Not changed: 2 (1 queued, 1 closed already)."]


def test_failures_are_not_closed_without_a_reason(operator: Client) -> None:
    document = failed()
    page = act(operator, [document], "close", reason=" ")
    document.refresh_from_db()
    assert document.closed_at is None
    assert "This field is required." in page.text


@pytest.mark.parametrize(
    ("action", "form"), [("send_now", {}), ("send_again", {"way": "now"}), ("close", {"reason": "mine"})]
)
def test_a_viewer_moves_nothing(action: str, form: dict[str, object], viewer: Client) -> None:
    rows = [make_document(), failed()]
    before = list(Document.objects.order_by("pk").values())
    assert act(viewer, list(rows), action, **form).status_code == 403
    assert list(Document.objects.order_by("pk").values()) == before
