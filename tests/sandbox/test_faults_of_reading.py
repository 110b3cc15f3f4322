"""Faults on calls that read: false 404s, late lists, broken and spoiled results, words nobody knows."""

import json
from typing import Any

import httpx2
import pytest

from sandbox.ids import workspace_of
from tests.sandbox.caller import HOUR, Caller, params, request

BATCHES = "/v1/messages/batches"


def results(caller: Caller, batch: dict[str, Any], timeout: float = 30) -> httpx2.Response:
    return caller.http.get(f"{BATCHES}/{batch['id']}/results", timeout=timeout)


def names(data: bytes) -> list[str]:
    """The custom_ids of the whole lines."""
    return [json.loads(line)["custom_id"] for line in data.split(b"\n")[:-1]]


@pytest.fixture
def batch(caller: Caller) -> dict[str, Any]:
    """Ended, 20 requests."""
    return caller.ended(caller.create(*(request(f"r{number:02}", f"Text {number}.") for number in range(20)))["id"])


def test_a_new_batch_is_not_found_for_some_seconds(slow: Caller) -> None:
    fault = slow.arm("not found", seconds=30, since="created")
    batch = slow.create(request())
    answers = [slow.http.get(f"{BATCHES}/{batch['id']}") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json()["error"]["type"] == "not_found_error"
    slow.advance(30)
    assert slow.batch(batch["id"])["processing_status"] == "in_progress"
    slow.advance(HOUR)
    assert slow.batch(batch["id"])["processing_status"] == "ended"
    assert slow.fault(fault)["acted"] == 2


def test_an_ended_batch_and_its_results_are_not_found_for_some_seconds(slow: Caller) -> None:
    slow.arm("not found", seconds=30, since="ended")
    batch = slow.create(request())
    assert slow.batch(batch["id"])["processing_status"] == "in_progress"
    slow.advance(HOUR)
    assert slow.http.get(f"{BATCHES}/{batch['id']}").status_code == 404
    assert results(slow, batch).status_code == 404
    slow.advance(30)
    assert slow.batch(batch["id"])["processing_status"] == "ended"
    assert results(slow, batch).status_code == 200


def test_a_new_batch_is_missing_from_the_list_for_some_seconds(slow: Caller) -> None:
    old = slow.create(request())
    slow.advance(60)
    fault = slow.arm("hide", seconds=30)
    new = [slow.create(request())["id"] for _ in range(2)]
    page = slow.http.get(BATCHES).json()
    assert ([batch["id"] for batch in page["data"]], page["last_id"]) == ([old["id"]], old["id"])
    newer = slow.http.get(f"{BATCHES}?before_id={old['id']}").json()
    assert newer == {"data": [], "has_more": False, "first_id": None, "last_id": None}
    assert slow.batch(new[0])["id"] == new[0]
    slow.advance(30)
    newer = slow.http.get(f"{BATCHES}?before_id={old['id']}").json()
    assert [batch["id"] for batch in newer["data"]] == new[::-1]
    assert slow.fault(fault)["acted"] == 2


@pytest.mark.parametrize("framing", ["chunked", "length"])
def test_results_that_break_off_are_seen_to_break_off(caller: Caller, batch: dict[str, Any], framing: str) -> None:
    caller.arm("short", "results", framing=framing)
    with pytest.raises(httpx2.RemoteProtocolError):
        results(caller, batch)
    assert len(names(results(caller, batch).content)) == 20


def test_results_can_end_too_early_without_a_sign(caller: Caller, batch: dict[str, Any]) -> None:
    whole = results(caller, batch).content
    caller.arm("short", "results", lines=7, framing="close")
    response = results(caller, batch)
    assert response.status_code == 200
    assert "content-length" not in response.headers
    assert response.content == b"".join(whole.splitlines(keepends=True)[:7])
    caller.arm("short", "results", share=0.5, framing="close")
    assert results(caller, batch).content == whole[: len(whole) // 2]
    assert sum(batch["request_counts"].values()) == 20


def test_results_stop_and_go_on(caller: Caller, batch: dict[str, Any]) -> None:
    whole = results(caller, batch).content
    caller.arm("stall", "results", seconds=3, lines=3)
    with caller.http.stream("GET", f"{BATCHES}/{batch['id']}/results", timeout=1) as stream:
        pieces = stream.iter_raw()
        assert len(names(next(pieces))) == 3
        with pytest.raises(httpx2.ReadTimeout):
            next(pieces)
    caller.arm("stall", "results", seconds=0.3, lines=3)
    response = results(caller, batch)
    assert response.content == whole
    assert response.elapsed.total_seconds() >= 0.3


def test_results_may_lack_lines(caller: Caller, batch: dict[str, Any]) -> None:
    caller.arm("lack", count=3, times=2)
    first, second, third = (names(results(caller, batch).content) for _ in range(3))
    assert first == second
    assert (len(set(first)), len(set(third))) == (17, 20)
    assert caller.batch(batch["id"])["request_counts"]["succeeded"] == 20


def test_results_may_repeat_a_line(caller: Caller, batch: dict[str, Any]) -> None:
    caller.arm("repeat", count=2)
    found = names(results(caller, batch).content)
    assert (len(found), len(set(found))) == (22, 20)


def test_results_may_hold_a_line_of_somebody_else(caller: Caller, batch: dict[str, Any]) -> None:
    caller.arm("foreign")
    found = names(results(caller, batch).content)
    strangers = [name for name in found if name.startswith("foreign-r")]
    assert (len(found), len(strangers)) == (21, 1)


def test_a_line_fault_waits_for_results(slow: Caller) -> None:
    batch = slow.create(request("a"), request("b"))
    fault = slow.arm("lack")
    assert results(slow, batch).status_code == 404
    assert slow.fault(fault)["seen"] == 0
    slow.advance(HOUR)
    assert len(names(results(slow, batch).content)) == 1


def test_all_lines_may_be_lacking(caller: Caller, batch: dict[str, Any]) -> None:
    caller.arm("lack", count=100)
    assert (results(caller, batch).status_code, caller.raw_results(batch["id"]).count(b"\n")) == (200, 20)


def test_a_status_that_nobody_knows(caller: Caller, batch: dict[str, Any]) -> None:
    caller.arm("status", value="napping", times=2)
    assert caller.sdk.messages.batches.retrieve(batch["id"]).processing_status == "napping"
    assert caller.listed()[0]["processing_status"] == "napping"
    assert caller.batch(batch["id"])["processing_status"] == "ended"


def test_result_types_and_stop_reasons_that_nobody_knows(caller: Caller) -> None:
    requests = (request("a", "[[result type paused]] A"), request("b", "[[stop reason bored]] B"), request("c"))
    ended = caller.ended(caller.create(*requests)["id"])
    assert ended["request_counts"] == {"processing": 0, "succeeded": 2, "errored": 1, "canceled": 0, "expired": 0}
    found = caller.results(ended["id"])
    assert found["a"] == {"type": "paused"}
    assert (found["b"]["type"], found["b"]["message"]["stop_reason"]) == ("succeeded", "bored")
    assert {line.result.type for line in caller.sdk.messages.batches.results(ended["id"])} == {"paused", "succeeded"}
    assert caller.message(params("[[stop reason bored]] B")).json()["stop_reason"] == "bored"
    assert caller.message(params("[[result type paused]] A")).json()["stop_reason"] == "end_turn"


def test_a_cancel_after_the_end_may_give_the_unchanged_batch(start: Any) -> None:
    own = Caller(start(seconds_per_batch=0).url)
    ended = own.ended(own.create(request())["id"])
    assert own.http.post(f"{BATCHES}/{ended['id']}/cancel").status_code == 400
    own.control("behavior", {"cancel_after_end": "unchanged"})
    response = own.http.post(f"{BATCHES}/{ended['id']}/cancel")
    assert (response.status_code, response.json()) == (200, ended)
    assert own.http.post("/sandbox/behavior", json={"cancel_after_end": "maybe"}).status_code == 400


def test_a_fault_of_one_batch_leaves_the_others_alone(caller: Caller, batch: dict[str, Any]) -> None:
    other = caller.ended(caller.create(request())["id"])
    caller.arm("error", "retrieve", batch=batch["id"], times="every")
    statuses = [caller.http.get(f"{BATCHES}/{one['id']}").status_code for one in (batch, other, batch)]
    assert statuses == [500, 200, 500]


def test_a_fault_of_one_workspace_leaves_the_others_alone(caller: Caller) -> None:
    stranger = Caller(caller.url)
    caller.arm("error", "list", workspace=workspace_of(stranger.key))
    assert caller.http.get(BATCHES).status_code == 200
    assert stranger.http.get(BATCHES).status_code == 500
