"""Create, poll, results, cancel, delete, list: with the real SDK and with plain HTTP."""

import json
import time
from datetime import datetime, timedelta

import anthropic
import pytest

from tests.sandbox.caller import HOUR, SECONDS_PER_BATCH, Caller, request

KEYS = {
    "id",
    "type",
    "processing_status",
    "request_counts",
    "created_at",
    "expires_at",
    "ended_at",
    "archived_at",
    "cancel_initiated_at",
    "results_url",
}


def test_a_new_batch_is_in_progress_with_all_ten_keys(slow: Caller) -> None:
    batch = slow.create(request("a"), request("b"))
    assert set(batch) == KEYS
    assert batch["processing_status"] == "in_progress"
    assert batch["request_counts"] == {"processing": 2, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
    assert [key for key in sorted(KEYS) if batch[key] is None] == [
        "archived_at",
        "cancel_initiated_at",
        "ended_at",
        "results_url",
    ]
    created, expires = (datetime.fromisoformat(batch[key]) for key in ("created_at", "expires_at"))
    assert expires - created == timedelta(hours=24)
    assert batch["created_at"].endswith("Z")
    assert len(batch["created_at"]) == len("2026-11-22T09:00:00.100435Z")


def test_a_batch_ends_exactly_when_its_time_is_over(caller: Caller) -> None:
    batch = caller.create(*(request(f"r{number}") for number in range(20)))
    ended = caller.ended(batch["id"])
    moments = [datetime.fromisoformat(ended[key]) for key in ("created_at", "ended_at")]
    assert moments[1] - moments[0] == timedelta(seconds=SECONDS_PER_BATCH)
    assert ended["request_counts"] == {"processing": 0, "succeeded": 20, "errored": 0, "canceled": 0, "expired": 0}
    assert ended["results_url"] == f"{caller.url}/v1/messages/batches/{batch['id']}/results"


def test_results_come_shuffled_as_lines_of_json(caller: Caller) -> None:
    names = [f"r{number}" for number in range(50)]
    batch = caller.create(*(request(name) for name in names))
    caller.ended(batch["id"])
    response = caller.http.get(f"/v1/messages/batches/{batch['id']}/results")
    assert response.headers["content-type"] == "application/x-jsonl"
    assert response.content.endswith(b"}\n")
    order = [json.loads(line)["custom_id"] for line in response.content.splitlines()]
    assert order != names
    assert sorted(order) == sorted(names)


@pytest.mark.parametrize("total", [1, 2, 3, 501, 1203])
def test_every_request_has_one_line_whatever_the_total(caller: Caller, total: int) -> None:
    results = caller.results_of(*(request(f"r{number}", f"Text {number}.") for number in range(total)))
    assert set(results) == {f"r{number}" for number in range(total)}
    assert all(results[f"r{n}"]["message"]["content"][0]["text"] == f"Text {n}." for n in range(total))


def test_the_sdk_does_the_whole_round(caller: Caller) -> None:
    sdk = caller.sdk.messages.batches
    batch = sdk.create(requests=[request("a", "One. Two."), request("b")])
    deadline = time.monotonic() + 10
    while sdk.retrieve(batch.id).processing_status != "ended":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    lines = {line.custom_id: line.result for line in sdk.results(batch.id)}
    assert lines["a"].type == "succeeded"
    assert lines["a"].message.content[0].text == "One."
    assert lines["a"].message.usage.service_tier == "batch"
    assert sdk.delete(batch.id).type == "message_batch_deleted"
    with pytest.raises(anthropic.NotFoundError) as caught:
        sdk.retrieve(batch.id)
    assert caught.value.type == "not_found_error"


def test_results_are_not_there_before_the_end(slow: Caller) -> None:
    batch = slow.create(request())
    response = slow.http.get(f"/v1/messages/batches/{batch['id']}/results")
    assert (response.status_code, response.json()["error"]["type"]) == (404, "not_found_error")


def test_two_identical_creates_make_two_batches(caller: Caller) -> None:
    assert caller.create(request())["id"] != caller.create(request())["id"]


def test_a_canceled_batch_ends_with_a_mix(slow: Caller) -> None:
    batch = slow.create(*(request(f"r{number}") for number in range(40)))
    canceling = slow.http.post(f"/v1/messages/batches/{batch['id']}/cancel").json()
    assert canceling["processing_status"] == "canceling"
    assert canceling["cancel_initiated_at"] is not None
    assert canceling["request_counts"]["processing"] == 40
    again = slow.http.post(f"/v1/messages/batches/{batch['id']}/cancel")
    assert again.json()["cancel_initiated_at"] == canceling["cancel_initiated_at"]
    slow.advance(HOUR / 3)
    ended = slow.batch(batch["id"])
    assert ended["processing_status"] == "ended"
    counts = ended["request_counts"]
    assert counts["succeeded"] > 0
    assert counts["canceled"] > 0
    assert sum(counts.values()) == 40
    types = [result["type"] for result in slow.results(batch["id"]).values()]
    assert types.count("canceled") == counts["canceled"]
    assert types.count("succeeded") == counts["succeeded"]


def test_a_cancel_through_the_sdk_is_seen_by_the_sdk(slow: Caller) -> None:
    batch = slow.create(request("a"), request("b"))
    assert slow.sdk.messages.batches.cancel(batch["id"]).processing_status == "canceling"


def test_an_ended_batch_cannot_be_canceled(caller: Caller) -> None:
    batch = caller.create(request())
    caller.ended(batch["id"])
    response = caller.http.post(f"/v1/messages/batches/{batch['id']}/cancel")
    assert (response.status_code, response.json()["error"]["type"]) == (400, "invalid_request_error")


def test_a_running_batch_cannot_be_deleted(slow: Caller) -> None:
    batch = slow.create(request())
    response = slow.http.delete(f"/v1/messages/batches/{batch['id']}")
    assert response.status_code == 400
    assert slow.batch(batch["id"])["id"] == batch["id"]


def test_a_deleted_batch_is_gone_everywhere(caller: Caller) -> None:
    batch = caller.create(request())
    caller.ended(batch["id"])
    assert caller.http.delete(f"/v1/messages/batches/{batch['id']}").json() == {
        "id": batch["id"],
        "type": "message_batch_deleted",
    }
    for path in ("", "/results"):
        assert caller.http.get(f"/v1/messages/batches/{batch['id']}{path}").status_code == 404
    assert caller.http.get("/v1/messages/batches").json()["data"] == []


def test_another_workspace_sees_nothing(caller: Caller) -> None:
    batch = caller.create(request())
    stranger = Caller(caller.url)
    for method, path in (("GET", ""), ("GET", "/results"), ("POST", "/cancel"), ("DELETE", "")):
        response = stranger.http.request(method, f"/v1/messages/batches/{batch['id']}{path}")
        assert response.status_code == 404
    assert stranger.http.get("/v1/messages/batches").json()["data"] == []
    workspaces = [
        one.http.get("/v1/messages/batches").headers["anthropic-workspace-id"] for one in (caller, caller, stranger)
    ]
    assert workspaces[0] == workspaces[1] != workspaces[2]


def test_an_empty_list_has_no_ids(caller: Caller) -> None:
    assert caller.http.get("/v1/messages/batches").json() == {
        "data": [],
        "has_more": False,
        "first_id": None,
        "last_id": None,
    }


def test_the_list_is_newest_first_and_pages_both_ways(slow: Caller) -> None:
    ids = [slow.create(request())["id"] for _ in range(5)][::-1]
    first = slow.http.get("/v1/messages/batches?limit=2").json()
    assert [batch["id"] for batch in first["data"]] == ids[:2]
    assert (first["has_more"], first["first_id"], first["last_id"]) == (True, ids[0], ids[1])
    older = slow.http.get(f"/v1/messages/batches?limit=3&after_id={ids[1]}").json()
    assert [batch["id"] for batch in older["data"]] == ids[2:]
    assert older["has_more"] is False
    newer = slow.http.get(f"/v1/messages/batches?limit=2&before_id={ids[4]}").json()
    assert [batch["id"] for batch in newer["data"]] == ids[2:4]
    assert newer["has_more"] is True
    assert [batch.id for batch in slow.sdk.messages.batches.list(limit=2)] == ids


def test_the_list_holds_twenty_by_default(slow: Caller) -> None:
    for _ in range(21):
        slow.create(request())
    page = slow.http.get("/v1/messages/batches").json()
    assert (len(page["data"]), page["has_more"]) == (20, True)


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=many", "after_id=msgbatch_nobody"])
def test_a_bad_page_is_refused(caller: Caller, query: str) -> None:
    assert caller.http.get(f"/v1/messages/batches?{query}").status_code == 400


def test_batches_of_others_stand_in_the_same_list_on_request(caller: Caller) -> None:
    ids = caller.control("foreign_batches", {"count": 2, "requests": 3})["ids"]
    own = caller.create(request())
    listed = [batch["id"] for batch in caller.http.get("/v1/messages/batches").json()["data"]]
    assert listed == [own["id"], *ids[::-1]]
    caller.ended(ids[0])
    assert set(caller.results(ids[0])) == {f"other-program-{number:06d}" for number in range(3)}
