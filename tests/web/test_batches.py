"""Batches and one batch: what went well, what it cost, what can be canceled or sent again, each with its price."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from labeling.models import Activity, Batch, Document, ModelPrice, Request
from labeling.states import BatchState, DocumentState, FailureReason, Outcome, Way
from tests.factories import make_batch, make_document, make_request, make_result, make_task, make_upload, make_version
from tests.web.reading import see, words


@pytest.fixture
def batch(db: None) -> Batch:
    """Ended: two labeled, one cut off, one refused by the API; nobody has decided yet."""
    version = make_version(make_task(slug="clauses"), model="claude-haiku-4-5")
    batch = make_batch(version, state=BatchState.INGESTED, succeeded=3, errored=1, list_usd=4, paid_usd=2)
    upload = make_upload(version)
    for text in ("a", "b"):
        make_result(make_request(make_document(upload, text=text), batch=batch), answer="red")
    cut = make_request(make_document(upload, text="long"), batch=batch)
    make_result(cut, usable=False, failure_reason=FailureReason.CUT_OFF, stop_reason="max_tokens")
    bad = make_request(make_document(upload, text="bad"), batch=batch)
    make_result(bad, outcome=Outcome.ERRORED, failure_reason=FailureReason.INVALID_REQUEST)
    Batch.objects.filter(pk=batch.pk).update(list_usd=4, paid_usd=2, succeeded=3, errored=1)
    batch.refresh_from_db()
    return batch


def url(batch: Batch, act: str = "") -> str:
    return f"/batches/{batch.pk}/{act}"


def post(client: Client, batch: Batch, place: str, **form: Any) -> str:
    return words(client.post(url(batch, place), form, follow=True).content)


def failed() -> set[str]:
    rows = Document.objects.filter(state=DocumentState.FAILED, closed_at=None)
    return set(rows.values_list("content__text", flat=True))


# The list


def test_the_list_counts_what_is_where(batch: Batch, viewer: Client) -> None:
    make_batch(batch.version)
    make_batch(batch.version, state=BatchState.UNKNOWN)
    page = see(viewer, "/batches/")
    assert "1 in flight, 1 ended, 1 in doubt" in page
    assert "All 3" in page
    assert "Open 2" in page
    assert "Not all succeeded 1" in page
    assert "In doubt 1" in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=B-{pk}", True),
        ("q={pk}", True),
        ("q={api}", True),
        ("q=msgbatch_nothing", False),
        ("q=999999", False),
        ("task=clauses", True),
        ("task=other", False),
        ("model=claude-haiku-4-5", True),
        ("model=claude-opus-4-5", False),
        ("tab=failures", True),
        ("tab=canceled", False),
        ("tab=open", False),
        ("tab=nonsense", True),
        ("q=%00", True),
        ("q=99999999999999999999999", False),
    ],
)
def test_the_list_is_narrowed_by_its_address(batch: Batch, viewer: Client, query: str, found: bool) -> None:
    page = viewer.get("/batches/?" + query.format(pk=batch.pk, api=batch.message_batch_id)).content.decode()
    assert (f'id="batch-{batch.pk}"' in page) is found
    assert ("No batch is like this" in page) is not found


def test_the_tabs_keep_the_filters_and_count_under_them(batch: Batch, viewer: Client) -> None:
    make_batch(make_version(make_task(slug="other")))
    page = viewer.get("/batches/?task=clauses").content.decode()
    assert 'href="?task=clauses&amp;tab=open"' in page
    assert "All 1" in words(page.encode())


# One batch, ended


def test_the_five_counts_are_filters(batch: Batch, viewer: Client) -> None:
    page = viewer.get(url(batch)).content.decode()
    assert f'href="{url(batch)}?outcome=errored#requests"' in page
    only = see(viewer, url(batch) + "?outcome=errored")
    assert "bad" in only
    assert "long" not in only.replace("longest", "")


def test_its_money_is_real_time_price_paid_and_saved(batch: Batch, viewer: Client) -> None:
    page = see(viewer, url(batch))
    assert "Real-time price $4.00 Paid $2.00 Saved $2.00" in page


def test_the_files_are_downloads(batch: Batch, viewer: Client) -> None:
    page = viewer.get(url(batch)).content.decode()
    assert url(batch, "requests.jsonl") in page
    assert url(batch, "results.jsonl") in page
    assert viewer.get(url(batch, "requests.jsonl"))["Content-Disposition"] == (
        f'attachment; filename="{batch}-requests.jsonl"'
    )


def test_a_batch_that_used_its_24_hours_names_the_others_that_did(batch: Batch, viewer: Client) -> None:
    now = timezone.now()
    long = {"created_at": now - timedelta(hours=25), "ended_at": now - timedelta(hours=1)}
    Batch.objects.filter(pk=batch.pk).update(**long)
    other = make_batch(batch.version, state=BatchState.INGESTED, **long)
    page = see(viewer, url(batch))
    assert "This batch used its full 24 hours." in page
    assert f"So did {other}" in page
    assert "hit the limit" in page


# Sending again


def test_every_button_that_sends_again_names_its_price(batch: Batch, operator: Client) -> None:
    page = see(operator, url(batch))
    assert "2 failed and are open. Again with v1:" in page
    assert page.count("$") >= 8
    ModelPrice.objects.all().delete()
    assert "Tonight, price not known" in see(operator, url(batch))


@pytest.mark.parametrize("way", list(Way))
def test_all_that_failed_go_again_the_way_that_was_chosen(batch: Batch, operator: Client, way: Way) -> None:
    assert "2 documents go again." in post(operator, batch, "again", act=f"all {way}")
    assert failed() == set()
    assert set(Document.objects.filter(state=DocumentState.QUEUED).values_list("way", flat=True)) == {way}
    assert Activity.objects.filter(subject=str(batch), by="operator-person", sentence__startswith="Sends 2").exists()


def test_only_those_of_an_outcome_go_again(batch: Batch, operator: Client) -> None:
    assert "1 document goes again." in post(operator, batch, "again", act="all tonight", outcome="errored")
    assert failed() == {"long"}


def test_only_the_checked_ones_go_again(batch: Batch, operator: Client) -> None:
    checked = Request.objects.get(document__content__text="long")
    assert "1 document goes again." in post(operator, batch, "again", act="checked now", request=[checked.pk])
    assert failed() == {"bad"}


def test_checked_ones_name_the_price_of_what_is_checked(batch: Batch, operator: Client) -> None:
    checked = Request.objects.get(document__content__text="long")
    form = {"request": [checked.pk], "version": 1, "outcome": "succeeded"}
    bar = words(operator.post(url(batch) + "ticked", form, headers={"HX-Request": "true"}).content)
    assert "1 document ticked. Again with v1: Tonight, about $0.0" in bar
    page = operator.post(url(batch) + "ticked", form).content.decode()
    assert f'name="request" value="{checked.pk}"' in page
    assert 'value="checked urgent"' in page
    assert failed() == {"bad", "long"}


def test_after_an_act_the_page_still_shows_the_outcome_that_was_chosen(batch: Batch, operator: Client) -> None:
    form = {"act": "all tonight", "outcome": "errored"}
    with_script = operator.post(url(batch) + "again", form, headers={"HX-Request": "true"}).content.decode()
    assert '?outcome=errored#requests" aria-current="true"' in with_script
    without = operator.post(url(batch) + "again", form)
    assert without["Location"].endswith("?outcome=errored")


def test_they_go_again_with_the_version_in_use_or_another_one(batch: Batch, operator: Client) -> None:
    task = batch.version.task
    newer = make_version(task, model="claude-opus-4-5")
    page = see(operator, url(batch))
    assert "Again with v2:" in page
    assert "Again with v1:" in see(operator, url(batch) + "?with=1")
    cut = Request.objects.get(document__content__text="long")
    post(operator, batch, "again", act="checked now", request=[cut.pk], version=1)
    post(operator, batch, "again", act="all now")
    versions = dict(Document.objects.filter(state="queued").values_list("content__text", "version__number"))
    assert versions == {"long": 1, "bad": newer.number}


@pytest.mark.parametrize("number", ["0", "7", "x", "99999999999"])
def test_a_version_that_is_not_there_sends_with_the_one_in_use_or_not_at_all(
    batch: Batch, operator: Client, number: str
) -> None:
    post(operator, batch, "again", act="all now", version=number)
    assert set(Document.objects.filter(state="queued").values_list("version__number", flat=True)) <= {1}
    assert operator.get(url(batch) + f"?with={number}").status_code == 200


def test_a_request_of_another_batch_is_not_touched(batch: Batch, operator: Client) -> None:
    other = make_batch(batch.version, state=BatchState.INGESTED)
    checked = Request.objects.get(document__content__text="long")
    assert "Nothing was sent again" in post(operator, other, "again", act="checked now", request=[checked.pk])
    assert failed() == {"bad", "long"}


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"act": "all"},
        {"act": "all yesterday"},
        {"act": "checked now"},
        {"act": "checked now", "request": ["x", "-1"]},
    ],
)
def test_what_was_not_chosen_is_said_and_nothing_is_sent(batch: Batch, operator: Client, form: dict[str, Any]) -> None:
    assert "Not sent again." in post(operator, batch, "again", **form)
    assert failed() == {"bad", "long"}


def test_of_two_who_send_again_the_second_reads_that_nothing_is_left(batch: Batch, operator: Client) -> None:
    post(operator, batch, "again", act="all now")
    assert "none of these has failed and is still open" in post(operator, batch, "again", act="all now")


def test_they_can_be_closed_with_a_reason(batch: Batch, operator: Client) -> None:
    assert "Not closed. Say why" in post(operator, batch, "close", act="all")
    assert "2 documents are closed without a label." in post(operator, batch, "close", act="all", reason="not needed")
    assert failed() == set()
    assert set(Document.objects.filter(state="failed").values_list("closed_reason", flat=True)) == {"not needed"}


def test_a_viewer_sees_no_button_that_sends(batch: Batch, viewer: Client) -> None:
    page = see(viewer, url(batch))
    assert "and are open" not in page
    assert "Compare again" not in page


# Under way, and canceled


def test_under_way_it_says_about_how_much_and_what_a_cancel_pays(batch: Batch, operator: Client) -> None:
    under_way = make_batch(batch.version, request_total=100, body_bytes=100_000)
    page = see(operator, url(under_way))
    assert "Cost, estimated" in page
    assert "No counts yet." in page
    assert "Earlier batches of this task" in page
    assert "Paid: what is finished by then" in page
    assert "Not paid: the rest" in page


def test_of_what_was_never_sent_a_cancel_pays_nothing(batch: Batch, operator: Client) -> None:
    waiting = make_batch(batch.version, state=BatchState.BUILDING)
    assert "Nothing of it was sent, so nothing is paid." in see(operator, url(waiting))


@pytest.mark.parametrize(("withdraw", "fate"), [(True, "withdrawn"), (False, "went back to the queue")])
def test_afterwards_it_says_what_a_cancel_paid(batch: Batch, viewer: Client, withdraw: bool, fate: str) -> None:
    Batch.objects.filter(pk=batch.pk).update(
        cancel_requested_at=timezone.now(),
        cancel_requested_by="anna",
        withdraw_canceled=withdraw,
        succeeded=3,
        canceled=7,
        paid_usd=Decimal("2.23"),
    )
    page = see(viewer, url(batch))
    assert "anna canceled it" in page
    assert "3 requests had finished and are paid, $2.23; 7 had not, cost nothing" in page
    assert fate in page


def test_a_refused_batch_says_that_nothing_was_paid(batch: Batch, viewer: Client) -> None:
    refused = make_batch(batch.version, state=BatchState.REJECTED)
    assert "nothing: it was not accepted" in see(viewer, url(refused))


def test_requests_are_paged_by_their_keys(batch: Batch, viewer: Client) -> None:
    upload = make_upload(batch.version)
    big = make_batch(batch.version, state=BatchState.INGESTED)
    for n in range(60):
        make_result(make_request(make_document(upload, text=f"page text {n}"), batch=big), answer="red")
    first = viewer.get(url(big)).content.decode()
    assert "page text 59" in first
    assert "page text 9<" not in first
    oldest = Request.objects.filter(batch=big).order_by("-pk")[49].pk
    assert f"before={oldest}" in first
    assert "page text 9<" in viewer.get(url(big) + f"?before={oldest}").content.decode()
    assert Outcome.SUCCEEDED in first.lower()


def test_a_custom_id_is_cut_where_all_of_the_batch_are_alike(batch: Batch, viewer: Client) -> None:
    custom_id = Request.objects.filter(batch=batch).latest("pk").custom_id
    html = viewer.get(url(batch)).content.decode()
    assert f'title="{custom_id}">…-{custom_id.split("-", 2)[2]}<' in html
