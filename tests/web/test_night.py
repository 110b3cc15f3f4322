"""What the first page says, and the gates."""

from datetime import timedelta

from django.test import Client
from django.utils import timezone

from labeling.models import Activity, Gate, Heartbeat, LedgerCheck, Trial
from labeling.states import BatchState
from tests.factories import (
    make_batch,
    make_document,
    make_request,
    make_result,
    make_upload,
    make_version,
    make_workers_well,
)
from tests.web.reading import see, words


def test_the_first_page_teaches_when_nothing_is_in(operator: Client) -> None:
    seen = see(operator, "/")
    assert "Nothing is in yet" in seen
    assert "Make a labeling task" in seen


def test_the_way_to_the_first_labels_ticks_itself_off_and_goes_when_they_are_there(operator: Client) -> None:
    assert "0 of 4 done" in see(operator, "/")
    version = make_version()
    assert "1 of 4 done" in see(operator, "/")
    upload = make_upload(version)
    document = make_document(upload)
    seen = see(operator, "/")
    assert "2 of 4 done" in seen
    assert f"Open U-{upload.pk}" in seen
    Trial.objects.create(upload=upload, version=version, wanted=20, started_by="ada", started_at=timezone.now())
    assert "3 of 4 done" in see(operator, "/")
    make_result(make_request(document))
    assert "first labels" not in see(operator, "/")


def test_the_first_page_says_where_everything_is(viewer: Client) -> None:
    upload = make_upload()
    make_result(make_request(make_document(upload)))
    make_request(make_document(upload))
    make_document(upload)
    make_document(upload, state="failed", failure_reason="unclear")
    make_document(upload, state="withdrawn")
    assert "5 came in = 1 labeled + 1 waiting + 1 in flight + 1 failed + 1 withdrawn" in see(viewer, "/")


def test_a_book_that_does_not_balance_is_red_and_said(viewer: Client) -> None:
    upload = make_upload()
    make_document(upload)
    type(upload).objects.filter(pk=upload.pk).update(accepted=7, rows=7)
    html = viewer.get("/").content
    assert b"sheet alarm" in html
    assert "The book does not balance. 7 came in and 1 are found." in words(html)


def test_a_ledger_that_disagreed_is_named_with_both_sides(viewer: Client) -> None:
    make_document()
    LedgerCheck.objects.create(
        holds=False, identities=[{"name": "paid = booked", "left": "3", "right": "2", "holds": False}]
    )
    assert "paid = booked: 3 and 2" in see(viewer, "/")


def test_every_page_says_that_it_is_the_sandbox(viewer: Client) -> None:
    for path in ("/", "/uploads/", "/documents/", "/batches/", "/decisions/", "/savings/", "/tasks/", "/activity/"):
        assert "Sandbox: no API key is set" in see(viewer, path)


def test_pausing_says_who_and_why_and_resuming_ends_it(operator: Client) -> None:
    make_document(make_upload(counts_from=timezone.now() - timedelta(days=2)))
    operator.post("/pause", {"reason": "wrong labels"})
    assert "Then 1 document at once in new batches" in see(operator, "/")
    assert "Sending is paused: nothing leaves. operator-person" in see(operator, "/")
    assert "wrong labels" in see(operator, "/")
    operator.post("/resume")
    assert not Gate.objects.filter(closed_at__isnull=False).exists()
    assert "Sending is paused" not in see(operator, "/")
    assert Activity.objects.filter(sentence__startswith="Paused everything").count() == 1


def test_pausing_twice_keeps_the_first_reason(operator: Client, admin: Client) -> None:
    admin.post("/pause", {"reason": "first"})
    response = operator.post("/pause", {"reason": "second"}, follow=True)
    assert "paused already; the first reason stays" in words(response.content)
    assert Gate.objects.get(task=None).reason == "first"


def test_pausing_without_a_reason_pauses_nothing(operator: Client) -> None:
    response = operator.post("/pause", {"reason": " "}, follow=True)
    assert "Not paused: say why" in words(response.content)
    assert not Gate.objects.filter(closed_at__isnull=False).exists()


def test_doubt_is_among_what_needs_a_person(viewer: Client) -> None:
    batch = make_batch(state=BatchState.UNKNOWN)
    assert f"{batch} had no clear outcome" in see(viewer, "/")
    assert "It is not known whether the API accepted this batch" in see(viewer, f"/batches/{batch.pk}/")


def test_what_leaves_next_has_a_price_once_the_version_has_answers(viewer: Client) -> None:
    upload = make_upload()
    make_document(upload)
    assert "to at most $0.00" in see(viewer, "/")
    make_result(make_request(make_document(upload)))
    assert "$0.00015 $0.00008" in see(viewer, "/")


def test_a_model_without_a_price_leaves_at_a_price_that_is_not_known(viewer: Client) -> None:
    make_document(make_upload(make_version(model="claude-mythos-preview")))
    assert "not known yet not known yet" in see(viewer, "/")


def test_one_thing_needs_and_two_things_need(operator: Client) -> None:
    make_workers_well()
    Heartbeat.objects.filter(queue="bulk").delete()  # the schedules are on time, and one queue has no worker
    make_request(make_document(make_upload()))
    assert "1 thing needs you" in see(operator, "/")
    make_document(state="failed", failure_reason="unclear")
    assert "1 decision and 1 other thing for you" in see(operator, "/")


def test_a_viewer_is_not_asked_to_decide(operator: Client, viewer: Client) -> None:
    make_document(state="failed", failure_reason="unclear")
    assert ">Decide</a>" in operator.get("/").content.decode()
    seen = viewer.get("/").content.decode()
    assert (">Look</a>" in seen, ">Decide</a>" in seen) == (True, False)
