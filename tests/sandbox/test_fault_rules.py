"""The language of faults: which rules there are, when they act, how they are counted, kept and cleared."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest

from sandbox.process import ROOT
from sandbox.rules import CHAOS, KINDS, read_rules
from tests.sandbox.caller import Caller, params, request

LIST = "/v1/messages/batches"


def statuses(caller: Caller, count: int) -> list[int]:
    return [caller.http.get(LIST).status_code for _ in range(count)]


@pytest.mark.parametrize(
    ("timing", "seen"),
    [
        ({}, [500, 200, 200, 200]),
        ({"times": 2}, [500, 500, 200, 200]),
        ({"times": "every"}, [500, 500, 500, 500]),
        ({"after": 2}, [200, 200, 500, 200]),
        ({"times": "every", "after": 3}, [200, 200, 200, 500]),
        ({"rate": 0, "seed": 1}, [200, 200, 200, 200]),
        ({"rate": 1, "seed": 1}, [500, 500, 500, 500]),
        ({"rate": 1, "times": 3}, [500, 500, 500, 200]),
    ],
)
def test_a_fault_acts_as_often_as_it_was_told(caller: Caller, timing: dict[str, Any], seen: list[int]) -> None:
    caller.arm("error", "list", **timing)
    assert statuses(caller, 4) == seen


def test_a_rate_is_a_share_and_a_seed_repeats_it(caller: Caller) -> None:
    runs = []
    for seed in (7, 7, 8):
        fault = caller.arm("error", "list", rate=0.3, seed=seed)
        runs.append(statuses(caller, 100))
        assert caller.fault(fault)["acted"] == runs[-1].count(500)
        caller.http.delete(f"/sandbox/faults?id={fault}")
    assert runs[0] == runs[1] != runs[2]
    assert 15 < runs[0].count(500) < 45


def test_a_seed_nobody_gave_is_shown(caller: Caller) -> None:
    shown = caller.fault(caller.arm("error", "list", rate=0.5))["seed"]
    assert isinstance(shown, int)


def test_faults_armed_together_act_one_after_the_other(caller: Caller) -> None:
    caller.arm("error", "list", status=500)
    caller.arm("error", "list", status=529, times=2)
    assert statuses(caller, 4) == [500, 529, 529, 200]


def test_a_parameter_may_be_a_list_to_draw_from(caller: Caller) -> None:
    caller.arm("error", "list", status=[500, 503, 529], times="every", seed=3)
    assert set(statuses(caller, 30)) == {500, 503, 529}


@pytest.mark.parametrize(("on", "touched"), [("batches", [500, 200]), ("all", [500, 500]), (["messages"], [200, 500])])
def test_endpoints_have_names_and_groups(caller: Caller, on: str, touched: list[int]) -> None:
    caller.arm("error", on, times="every")
    assert [caller.http.get(LIST).status_code, caller.message(params()).status_code] == touched
    assert caller.http.get("/sandbox/health").status_code == 200


@pytest.mark.parametrize("endpoint", ["create", "retrieve", "list", "cancel", "delete", "results"])
def test_every_batch_endpoint_has_its_own_faults(caller: Caller, endpoint: str) -> None:
    batch = caller.ended(caller.create(request())["id"])["id"]
    calls = {
        "create": ("POST", LIST),
        "retrieve": ("GET", f"{LIST}/{batch}"),
        "list": ("GET", LIST),
        "results": ("GET", f"{LIST}/{batch}/results"),
        "cancel": ("POST", f"{LIST}/{batch}/cancel"),
        "delete": ("DELETE", f"{LIST}/{batch}"),
    }
    caller.arm("error", endpoint, status=529, times="every")
    touched = [name for name, call in calls.items() if caller.http.request(*call).status_code == 529]
    assert touched == [endpoint]


@pytest.mark.parametrize("path", ["/v1/messages/count_tokens", "/v1/models", "/v1/models/claude-haiku-5-5"])
def test_the_other_endpoints_have_faults_too(caller: Caller, path: str) -> None:
    caller.arm("error", ["count_tokens", "models"])
    assert [caller.http.post(path, json={}).status_code, caller.http.get(path).status_code].count(500) == 1


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ([], None),
        ("cut after", "A fault is an object"),
        ({}, 'either "do", or "kinds"'),
        ({"do": "cut after", "kinds": "all"}, 'either "do", or "kinds"'),
        ({"on": "create", "do": "explode"}, "do: one of reset, cut before"),
        ({"do": "cut after"}, "on: say which endpoint"),
        ({"on": "everything", "do": "cut after"}, "on: one or more of create"),
        ({"on": "create", "do": "lack"}, '"lack" does not fit create, only results'),
        ({"on": "create", "do": "cut after", "seconds": 3}, '"cut after" has no such parameter; it has none'),
        ({"on": "create", "do": "wait", "seconds": -1}, "seconds: a number from 0"),
        ({"on": "create", "do": "wait", "seconds": []}, "seconds: one value"),
        ({"do": "hide", "seconds": [1, 2]}, "seconds: one value"),
        ({"on": "create", "do": "error", "status": 200}, "status: a whole number from 400 to 599"),
        ({"on": "create", "do": "error", "error_code": "Not A Word"}, "error_code: a word"),
        ({"on": "create", "do": "error", "message": ""}, "message: a text"),
        ({"on": "create", "do": "error", "html": 1}, "html: one of True, False"),
        ({"on": "create", "do": "error", "times": 0}, "times: a whole number from 1"),
        ({"on": "create", "do": "error", "rate": 1.5}, "rate: a number from 0 to 1"),
        ({"on": "create", "do": "error", "seed": "x"}, "seed: a whole number"),
        ({"on": "create", "do": "error", "batch": 3}, "batch: a text"),
        ({"do": "queue limit", "rate": 0.5}, "rate: a queue limit holds"),
        ({"kinds": []}, 'kinds: "all", or a list'),
        ({"kinds": ["minute limit"]}, "is a limit and cannot be drawn"),
        ({"kinds": [{"do": "reset", "on": "create"}]}, 'on: "reset" has no such parameter'),
        ({"kinds": ["reset"], "seconds": 3}, "seconds: a rule with kinds has no such key"),
        ({"kinds": ["lack"], "on": "create"}, "none of these faults fits"),
    ],
)
def test_a_rule_that_makes_no_sense_is_one_sentence(caller: Caller, rule: Any, sentence: str | None) -> None:
    before = len(caller.http.get("/sandbox/faults").json()["faults"])
    good = {"on": "create", "do": "reset", "workspace": "nobody"}
    response = caller.http.post("/sandbox/faults", json=[good, rule] if sentence else rule)
    assert response.status_code == (400 if sentence else 200)
    assert (sentence or "") in json.dumps(response.json(), ensure_ascii=False).replace('\\"', '"')
    assert len(caller.http.get("/sandbox/faults").json()["faults"]) == before


def test_every_kind_can_be_armed_as_it_stands() -> None:
    for word, kind in KINDS.items():
        (rule,) = read_rules({"do": word, "on": list(kind.fits)}, str)
        assert rule.faults == [{"do": word, **kind.defaults}]
    (rule,) = read_rules({"kinds": "all", "rate": 0.05}, str)
    assert len(rule.faults) == len(CHAOS)


def test_faults_are_shown_counted_and_cleared(start: Any) -> None:
    own = Caller(start().url)
    rules = [{"on": "list", "do": "error"}, {"do": "hide", "seconds": 1}]
    armed = own.http.post("/sandbox/faults", json=rules).json()["armed"]
    assert [fault["id"] for fault in armed] == ["fault_1", "fault_2"]
    statuses(own, 2)
    shown = own.http.get("/sandbox/faults").json()
    assert shown["acted"] == 1
    assert (shown["faults"][0]["by"], shown["faults"][0]["is_spent"]) == ({"list: error": 1}, True)
    assert (shown["faults"][1]["times"], shown["faults"][1]["is_spent"]) == ("every", False)
    assert own.http.delete("/sandbox/faults?id=fault_9").status_code == 404
    left = own.http.delete("/sandbox/faults?id=fault_1").json()["faults"]
    assert [fault["id"] for fault in left] == ["fault_2"]
    assert own.http.delete("/sandbox/faults").json() == {"acted": 0, "faults": []}


def test_a_killed_sandbox_goes_on_where_its_faults_were(start: Any) -> None:
    first = start()
    caller = Caller(first.url)
    caller.control("faults", {"on": "create", "do": "cut after", "times": 2})
    caller.control("faults", {"on": "list", "do": "error", "after": 2, "times": "every"})
    with pytest.raises(httpx2.TransportError):
        caller.create(request())
    assert statuses(caller, 1) == [200]
    first.kill()
    again = Caller(start().url)
    with pytest.raises(httpx2.TransportError):
        again.create(request())
    assert again.create(request())["type"] == "message_batch"
    assert statuses(again, 3) == [200, 500, 500]
    assert again.account()["batches_accepted"] == 3


def test_faults_come_from_the_environment_once_for_a_folder(start: Any) -> None:
    environment = {"SANDBOX_FAULTS": '[{"on": "list", "do": "error"}, {"on": "create", "do": "error"}]'}
    first = start(environment=environment)
    assert statuses(Caller(first.url), 2) == [500, 200]
    first.stop()
    second = start(environment=environment)
    caller = Caller(second.url)
    assert statuses(caller, 2) == [200, 200]
    caller.http.delete("/sandbox/faults")
    second.stop()
    third = start(environment=environment)
    caller = Caller(third.url)
    assert caller.create(request())["type"] == "message_batch"
    third.stop()
    other = {"SANDBOX_FAULTS": '{"on": "list", "do": "error", "status": 529}'}
    assert statuses(Caller(start(environment=other).url), 2) == [529, 200]


@pytest.mark.parametrize("text", ["no json", '{"do": "explode"}'])
def test_bad_faults_at_the_start_are_one_sentence(tmp_path: Path, text: str) -> None:
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--state", str(tmp_path), "--faults", text]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20)
    assert ended.returncode == 2
    assert ended.stderr.startswith("The faults to start with cannot be read: ")
    assert ended.stderr.count("\n") == 1


def test_a_random_rule_draws_only_what_fits_and_repeats_with_its_seed(start: Any) -> None:
    own = Caller(start().url)
    runs = []
    for _ in range(2):
        own.control("faults", {"seed": 5, "rate": 0.4, "kinds": ["lack", {"do": "error", "status": [500, 529]}]})
        runs.append(statuses(own, 60))
        shown = own.http.get("/sandbox/faults").json()["faults"][0]
        assert shown["by"] == {"list: error": 60 - runs[-1].count(200)}
        own.http.delete("/sandbox/faults")
    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 500, 529}


def test_the_account_is_right_under_chaos_whatever_the_client_believes(start: Any) -> None:
    """A careless client sends everything again until it hears a yes; the account says what that cost."""
    own = Caller(start(seconds_per_batch=0).url)
    short = {"do": "short", "framing": ["chunked", "length", "close"]}
    kinds = ["reset", "cut before", "cut after", "error", "error after", short]
    own.control("faults", {"seed": 11, "rate": 0.5, "kinds": kinds, "on": ["create", "messages"]})
    for number in range(25):
        insist(own, LIST, {"requests": [request(f"r{n}", f"Text {number} {n}.") for n in range(3)]})
        insist(own, "/v1/messages", params(f"Text of call {number}."))
    by = own.http.get("/sandbox/faults").json()["faults"][0]["by"]
    after = ("cut after", "error after", "short")
    lost = {on: sum(by.get(f"{on}: {do}", 0) for do in after) for on in ("create", "messages")}
    own.http.delete("/sandbox/faults")
    batches = [own.ended(batch["id"]) for batch in own.listed()]
    account = own.account()
    assert account["batches_accepted"] == len(batches) == 25 + lost["create"]
    assert account["messages_accepted"] == 25 + lost["messages"]
    assert account["requests_charged"] == 3 * len(batches) + account["messages_accepted"]
    assert account["documents_charged"] == 25 * 3 + 25
    assert account["charged_more_than_once"] > 0
    assert all(batch["request_counts"]["succeeded"] == 3 for batch in batches)


def insist(caller: Caller, path: str, body: dict[str, Any]) -> None:
    for _ in range(30):
        try:
            response = caller.http.post(path, json=body)
            response.raise_for_status().json()
            return
        except (httpx2.HTTPError, ValueError):
            continue
    raise AssertionError("thirty times in a row")
