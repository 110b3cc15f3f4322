"""The virtual clock (expiry, archiving, hold) and the account."""

from datetime import datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from tests.sandbox.caller import HOUR, Caller, params, request, wants_label

DAY = 24 * HOUR


@pytest.fixture
def own(start: Any) -> Caller:
    """A sandbox of the test's own, in which a batch takes an hour of a clock that the test moves."""
    return Caller(start(seconds_per_batch=HOUR).url)


def test_the_clock_moves_created_at_and_the_date_header(own: Caller) -> None:
    before = own.http.get("/sandbox/clock").json()["now"]
    own.advance(10 * DAY)
    batch = own.create(request())
    moved = datetime.fromisoformat(batch["created_at"]) - datetime.fromisoformat(before)
    assert timedelta(days=10) <= moved < timedelta(days=10, minutes=5)
    date = parsedate_to_datetime(own.http.get("/v1/messages/batches").headers["date"])
    assert abs(date - datetime.fromisoformat(batch["created_at"])) < timedelta(minutes=5)


def test_the_clock_never_goes_back(own: Caller) -> None:
    for bad in ({"advance_seconds": -1}, {"advance_seconds": "1"}, {}, {"now": 1}):
        assert own.http.post("/sandbox/clock", json=bad).status_code == 400


def test_a_batch_that_is_held_expires_after_a_day(own: Caller) -> None:
    own.control("behavior", {"hold": True})
    batch = own.create(request("a"), request("b"))
    own.advance(DAY - 60)
    assert own.batch(batch["id"])["processing_status"] == "in_progress"
    own.advance(60)
    ended = own.batch(batch["id"])
    assert ended["processing_status"] == "ended"
    assert ended["request_counts"]["expired"] == 2
    assert ended["ended_at"] == batch["expires_at"]
    assert own.results(batch["id"]) == {"a": {"type": "expired"}, "b": {"type": "expired"}}
    assert own.account()["requests_charged"] == 0


def test_a_batch_that_is_too_slow_expires_in_part(own: Caller) -> None:
    own.control("behavior", {"seconds_per_batch": 2 * DAY})
    batch = own.create(*(request(f"r{number}") for number in range(10)))
    own.advance(DAY)
    counts = own.batch(batch["id"])["request_counts"]
    assert (counts["succeeded"], counts["expired"]) == (5, 5)
    types = [result["type"] for result in own.results(batch["id"]).values()]
    assert sorted(types) == ["expired"] * 5 + ["succeeded"] * 5
    assert own.account()["requests_charged"] == 5


def test_a_hold_that_ends_lets_the_batch_start_anew(own: Caller) -> None:
    own.control("behavior", {"hold": True})
    batch = own.create(request())
    own.advance(5 * HOUR)
    own.control("behavior", {"hold": False})
    own.advance(HOUR - 60)
    assert own.batch(batch["id"])["processing_status"] == "in_progress"
    own.advance(60)
    assert own.batch(batch["id"])["processing_status"] == "ended"


def test_results_go_29_days_after_creation(own: Caller) -> None:
    batch = own.create(request())
    own.advance(HOUR)
    assert own.batch(batch["id"])["archived_at"] is None
    own.advance(29 * DAY - HOUR - 60)
    assert set(own.results(batch["id"])) == {"one"}
    own.advance(60)
    archived = own.batch(batch["id"])
    assert (archived["processing_status"], archived["results_url"]) == ("ended", None)
    days = datetime.fromisoformat(archived["archived_at"]) - datetime.fromisoformat(batch["created_at"])
    assert days == timedelta(days=29)
    assert own.http.get(f"/v1/messages/batches/{batch['id']}/results").status_code == 404


def test_rates_give_odd_answers_to_a_share_of_documents(own: Caller) -> None:
    own.control("behavior", {"rates": {"refuse": 0.3, "error api_error": 0.2}, "seconds_per_batch": 0})
    results = own.results_of(*(request(f"r{n}", f"Text {n}") for n in range(300)))
    kinds = [result["type"] for result in results.values()]
    refused = [r for r in results.values() if r["type"] == "succeeded" and r["message"]["stop_reason"] == "refusal"]
    assert 60 < len(refused) < 120
    assert 30 < kinds.count("errored") < 90
    for bad in ({"rates": {"nonsense": 1}}, {"rates": {"refuse": 2}}, {"speed": 1}, {"hold": 1}):
        assert own.http.post("/sandbox/behavior", json=bad).status_code == 400
    own.control("behavior", {"rates": {}})
    assert {r["type"] for r in own.results_of(request("a"), request("b")).values()} == {"succeeded"}


def test_only_what_succeeded_is_charged(own: Caller) -> None:
    own.control("behavior", {"seconds_per_batch": 0})
    own.results_of(
        request("good", "One document."),
        request("bad", "Another.", temperature=0),
        request("expired", "A third. [[expire]]"),
        request("refused", "A fourth. [[refuse]]"),
    )
    account = own.account()
    assert (account["batches_accepted"], account["requests_accepted"]) == (1, 4)
    assert (account["requests_charged"], account["documents_charged"]) == (1, 1)
    assert account["charged_more_than_once"] == 0


def test_a_document_paid_twice_shows_in_either_lane(own: Caller) -> None:
    own.control("behavior", {"seconds_per_batch": 0})
    own.results_of(request("a", "The same text."), request("b", "Another text."))
    own.results_of(request("a", "The same text."))
    assert own.account()["charged_more_than_once"] == 1
    assert own.account()["custom_ids_charged_more_than_once"] == 1
    own.message(params("Another text.", max_tokens=500))
    account = own.account()
    assert (account["charged_more_than_once"], account["messages_accepted"]) == (2, 1)
    own.message(params("Another text.", system="Other instructions."))
    assert own.account()["charged_more_than_once"] == 2


def test_the_same_custom_id_in_two_workspaces_is_no_repeat(own: Caller) -> None:
    own.control("behavior", {"seconds_per_batch": 0})
    stranger = Caller(own.url)
    own.results_of(request("a", "First."))
    stranger.results_of(request("a", "Second."))
    assert own.account()["custom_ids_charged_more_than_once"] == 0


def test_batches_of_others_are_left_out_of_the_account(own: Caller) -> None:
    own.control("behavior", {"seconds_per_batch": 0})
    (batch_id,) = own.control("foreign_batches", {"count": 1})["ids"]
    own.ended(batch_id)
    account = own.account()
    assert (account["foreign_batches"], account["batches_accepted"], account["requests_charged"]) == (1, 0, 0)


def test_a_batch_costs_half_of_real_time(own: Caller) -> None:
    own.control("behavior", {"seconds_per_batch": 0})
    prices = {"input": Decimal("0.10") / 10**6, "output": Decimal("0.50") / 10**6}
    usage = own.message(params("A text of some length.")).json()["usage"]
    full = usage["input_tokens"] * prices["input"] + usage["output_tokens"] * prices["output"]
    assert Decimal(own.account()["charged_usd"]) == full
    own.results_of(request("a", "A text of some length."))
    assert Decimal(own.account()["charged_usd"]) == full + full / 2


def test_a_long_prompt_of_haiku_costs_the_higher_tier(own: Caller) -> None:
    usage = own.message(params("x" * 404_000)).json()["usage"]
    assert usage["input_tokens"] > 100_000
    cost = usage["input_tokens"] * Decimal("0.50") + usage["output_tokens"] * Decimal("2.50")
    assert Decimal(own.account()["charged_usd"]) == cost / 10**6


def test_a_canceled_batch_is_charged_for_what_was_done(own: Caller) -> None:
    batch = own.create(*(request(f"r{n}", f"Text {n}", **wants_label("a", "b")) for n in range(20)))
    own.advance(HOUR / 2)
    own.http.post(f"/v1/messages/batches/{batch['id']}/cancel")
    own.advance(HOUR / 3)
    counts = own.batch(batch["id"])["request_counts"]
    assert counts["succeeded"] in (11, 12)
    assert counts["canceled"] == 20 - counts["succeeded"]
    assert own.account()["requests_charged"] == counts["succeeded"]
