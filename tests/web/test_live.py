"""Parts that refresh by themselves: nothing changed is a 204, a change brings the part, an end ends the polling."""

import re

import pytest
from django.test import Client

from labeling.states import BatchState, UploadState
from tests.factories import make_batch, make_document, make_request, make_result, make_upload

POLL = re.compile(r'hx-get="([^"]+)" hx-trigger="every (\d+)s"')


def poll_of(html: str) -> tuple[str, int]:
    found = POLL.search(html)
    assert found, "the page does not poll"
    return found.group(1).replace("&amp;", "&"), int(found.group(2))


@pytest.mark.parametrize("path", ["/", "/uploads/", "/batches/", "/decisions/"])
def test_nothing_changed_is_answered_with_nothing(viewer: Client, path: str) -> None:
    url, _ = poll_of(viewer.get(path).content.decode())
    response = viewer.get(url, headers={"HX-Request": "true"})
    assert (response.status_code, response.content) == (204, b"")


def test_a_change_brings_the_part_its_title_and_the_counts(viewer: Client) -> None:
    url, _ = poll_of(viewer.get("/").content.decode())
    make_request(make_document())
    html = viewer.get(url, headers={"HX-Request": "true"}).content.decode()
    assert 'id="live"' in html
    assert '<div id="headline" hx-swap-oob="true">' in html
    assert '<span class="count" id="count-batches-s" hx-swap-oob="true">1</span>' in html
    assert "<html" not in html


def test_the_first_page_looks_oftener_while_a_batch_is_in_flight(viewer: Client) -> None:
    assert poll_of(viewer.get("/").content.decode())[1] == 30
    make_request(make_document())
    assert poll_of(viewer.get("/").content.decode())[1] == 5


@pytest.mark.parametrize(
    ("state", "seconds"), [(UploadState.RECEIVED, 2), (UploadState.IMPORTING, 2), (UploadState.READY, 5)]
)
def test_a_receipt_looks_as_often_as_things_change(viewer: Client, state: UploadState, seconds: int) -> None:
    upload = make_upload(state=state)
    assert poll_of(viewer.get(f"/uploads/{upload.pk}/").content.decode())[1] == seconds


@pytest.mark.parametrize("state", [UploadState.CHECKED, UploadState.DISCARDED, UploadState.DONE])
def test_a_receipt_that_waits_for_a_person_or_is_over_does_not_poll(viewer: Client, state: UploadState) -> None:
    upload = make_upload(state=state)
    assert not POLL.search(viewer.get(f"/uploads/{upload.pk}/").content.decode())


def test_the_forms_come_along_when_the_upload_was_checked_meanwhile(operator: Client) -> None:
    upload = make_upload(state=UploadState.RECEIVED)
    url, _ = poll_of(operator.get(f"/uploads/{upload.pk}/").content.decode())
    upload.state = UploadState.CHECKED
    upload.save()
    html = operator.get(url, headers={"HX-Request": "true"}).content.decode()
    assert '<div id="acts" hx-swap-oob="true">' in html
    assert "Import file" in html
    assert not POLL.search(html)


def test_an_ended_batch_is_not_looked_at_any_more(viewer: Client) -> None:
    batch = make_batch(state=BatchState.INGESTED)
    assert not POLL.search(viewer.get(f"/batches/{batch.pk}/").content.decode())


def test_a_batch_in_flight_has_no_percentage(viewer: Client) -> None:
    batch = make_batch()
    for _ in range(3):
        make_request(make_document(make_upload(batch.version)), batch=batch)
    html = viewer.get(f"/batches/{batch.pk}/").content.decode()
    text = re.sub(r"<[^>]+>", " ", html)
    assert "No counts yet" in text
    assert "%" not in text


def test_a_usual_finish_needs_three_ended_batches(viewer: Client) -> None:
    batch = make_batch()
    for ended in range(3):
        text = viewer.get(f"/batches/{batch.pk}/").content.decode()
        assert ("no history yet" in text) == (ended < 3)
        make_batch(batch.version, state=BatchState.INGESTED)
    assert "usually 9 m" in viewer.get(f"/batches/{batch.pk}/").content.decode()


def test_a_list_of_decisions_follows_what_happens(operator: Client) -> None:
    upload = make_upload()
    make_document(upload, state="failed", failure_reason="unclear")
    url, _ = poll_of(operator.get("/decisions/").content.decode())
    make_result(make_request(make_document(upload)), usable=False, failure_reason="not_a_label")
    html = operator.get(url, headers={"HX-Request": "true"}).content.decode()
    assert "2 decisions, 2 documents" in html
    assert "The answer is not one of the labels" in html


def test_the_page_of_a_cause_says_that_it_changed_and_keeps_what_somebody_ticks(operator: Client) -> None:
    upload = make_upload()
    make_document(upload, state="failed", failure_reason="not_a_label")
    url, _ = poll_of(operator.get(f"/decisions/{upload.version.task.slug}/not_a_label/").content.decode())
    make_result(make_request(make_document(upload)), usable=False, failure_reason="not_a_label")
    html = operator.get(url, headers={"HX-Request": "true"}).content.decode()
    assert "The list below changed meanwhile" in html
    assert 'id="acts"' not in html
    assert "2 documents: The answer is not one of the labels" in html
