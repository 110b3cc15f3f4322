"""The matrix of an API that loses, delays or garbles its answers, and of other programs in the workspace."""

import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from tests.faults.cases import Case, Step, at_most_once, book_balances, every_document_once, killed_at, nothing_twice
from tests.faults.house import House
from tests.faults.worlds import World

LATER = {"NIGHTSHIFT_DOUBT_GRACE_SECONDS": "9"}
"""A grace time longer than what the API is made to take."""


def the_api_will(*rules: dict[str, Any]) -> Step:
    """Faults on demand, as sandbox/README.md describes them."""

    def step(house: House) -> None:
        house.ask("faults", list(rules))

    return step


def the_api_is_well(house: House) -> None:
    house.ask("faults", method="DELETE")


def others_send(requests: int) -> Step:
    """Another program of the same workspace sends a batch of so many requests."""

    def step(house: House) -> None:
        house.ask("foreign_batches", {"count": 2, "requests": requests})

    return step


def stops_for_a_person(house: House) -> None:
    assert house.until_idle() == 1, house.said()
    assert house.status()["paused"], house.said()


def _runs_until_idle(house: House) -> None:
    assert house.until_idle() == 0, house.said()


def a_person_resumes(house: House) -> None:
    assert house.run("resume") == 0, house.said()


def stops_although_lines_lack(house: House) -> None:
    """It would read again after one and after five minutes; here it is asked to stop before."""
    assert house.run("run_pipeline", "--until-idle", "--timeout", "8") == 3, house.said()
    minutes_pass(house)


def minutes_pass(house: House) -> None:
    house.rows("UPDATE labeling_batch SET not_before = NULL")


def foreign_batches_were_let_alone(house: House, world: World) -> None:
    every_document_once(house, world)
    foreign = house.rows("SELECT message_batch_id, verdict FROM labeling_candidate")
    adopted = {batch_id for (batch_id,) in house.rows("SELECT message_batch_id FROM labeling_batch")}
    others = {batch_id for batch_id, verdict in foreign if verdict == "anothers"}
    assert len(others) == 2
    assert others.isdisjoint(adopted)
    listed = {batch["id"]: batch for batch in house.list_batches()}
    assert [listed[batch_id]["cancel_initiated_at"] for batch_id in sorted(others)] == [None, None]


def one_is_missing(house: House, world: World) -> None:
    """Paid once, its line never came: for a person, and never sent again by itself."""
    status, account = house.status(), house.account()
    book_balances(status)
    nothing_twice(account)
    assert house.rows("SELECT failure_reason FROM labeling_document WHERE state = 'failed' AND leader_id IS NULL") == [
        ("missing",)
    ]
    assert account["documents_charged"] == account["requests_charged"] == world.leaders
    assert Decimal(status["money"]["paid_usd"]) < Decimal(account["charged_usd"])


def the_twin_comes_to_light(house: House) -> None:
    deadline = time.monotonic() + 120
    while not house.rows("SELECT 1 FROM labeling_candidate WHERE verdict = 'late_twin'"):
        assert time.monotonic() < deadline, house.said()
        assert house.run("run_pipeline") == 0, house.said()


def the_double_price_is_said(house: House, world: World) -> None:
    """What cannot be promised: a list that hides a batch for longer than the grace time. It is seen and said."""
    status, account = house.status(), house.account()
    book_balances(status)
    assert status["documents"]["labeled"] == len(world.texts)
    assert account["charged_more_than_once"] == world.leaders
    (note,) = house.rows("SELECT note FROM labeling_batch WHERE state = 'absent'")[0]
    assert f"{world.leaders} of its requests were paid a second time" in note


_CREATE: dict[str, tuple[dict[str, Any], ...]] = {
    "connection cut after the batch was accepted": ({"on": "create", "do": "cut after"},),
    "500 after the batch was accepted": ({"on": "create", "do": "error after", "status": 500},),
    "529 after the batch was accepted": ({"on": "create", "do": "error after", "status": 529},),
    "504 in HTML after the batch was accepted": ({"on": "create", "do": "error after", "status": 504, "html": True},),
    "409 after the batch was accepted": ({"on": "create", "do": "error after", "status": 409},),
    "answer later than the timeout": ({"on": "create", "do": "wait after", "seconds": 6},),
    "accepted later than the timeout": ({"on": "create", "do": "wait", "seconds": 6},),
    "half an answer": ({"on": "create", "do": "short"},),
    "connection cut before anything was accepted": ({"on": "create", "do": "cut before"},),
    "connection reset": ({"on": "create", "do": "reset", "times": 2},),
    "500 and nothing accepted": ({"on": "create", "do": "error", "status": 500},),
    "429 with retry-after": ({"on": "create", "do": "error", "status": 429, "retry_after": 1, "times": 2},),
    "429 for the question before": ({"on": "list", "do": "error", "status": 429, "retry_after": 1},),
    "413 although it is small": ({"on": "create", "do": "error", "status": 413},),
    "every create is accepted and its answer lost": ({"on": "create", "do": "cut after", "times": "every"},),
    "listed only after a delay": (
        {"on": "create", "do": "cut after"},
        {"on": "list", "do": "hide", "seconds": 5, "times": "every"},
    ),
    "the list fails while it is needed": (
        {"on": "create", "do": "cut after"},
        {"on": "list", "do": "error", "status": 500, "after": 3, "times": 4},
    ),
}
_READING: dict[str, tuple[dict[str, Any], ...]] = {
    "404 after create and after the end": ({"do": "not found", "seconds": 3},),
    "polls fail": ({"on": "retrieve", "do": "error", "status": 500, "times": 4},),
    "an unknown status": ({"on": "retrieve", "do": "status", "value": "paused", "times": 3},),
    "results cut, chunked": ({"on": "results", "do": "short", "framing": "chunked", "times": 2},),
    "results cut, with a length": ({"on": "results", "do": "short", "framing": "length", "times": 2},),
    "results end early and look complete": ({"on": "results", "do": "short", "framing": "close"},),
    "results stall": ({"on": "results", "do": "stall", "seconds": 3},),
    "a line lacks in the first download": ({"on": "results", "do": "lack"},),
    "a line comes twice": ({"on": "results", "do": "repeat", "count": 3},),
    "a line that is not ours": ({"on": "results", "do": "foreign", "count": 2},),
}
_REFUSALS: dict[str, dict[str, Any]] = {
    "400": {"status": 400},
    "401": {"status": 401},
    "402": {"status": 402},
    "404": {"status": 404},
    "spend limit": {"status": 429, "error_code": "enforced_spend_limit_reached"},
}
_REAL_TIME: dict[str, dict[str, Any]] = {
    "the answer is cut off": {"do": "cut after", "times": 2},
    "500 after it was answered": {"do": "error after", "status": 500, "times": 2},
    "the connection breaks before": {"do": "cut before", "times": 2},
    "500 before": {"do": "error", "status": 500, "times": 2},
    "429 with retry-after": {"do": "error", "status": 429, "retry_after": 1, "times": 3},
    "529 before": {"do": "error", "status": 529, "times": 2},
    "half an answer": {"do": "short", "times": 2},
}


def lost_answers() -> Iterator[Case]:
    for name, rules in _CREATE.items():
        yield Case(f"create: {name}", "three batches", (the_api_will(*rules),), every_document_once, settings=LATER)
    for name, rules in _READING.items():
        yield Case(f"reading: {name}", "three batches", (the_api_will(*rules),), every_document_once)
    for name, rule in _REFUSALS.items():
        refusal = {"on": "create", "do": "error", **rule}
        steps = (the_api_will(refusal), stops_for_a_person, a_person_resumes)
        yield Case(f"refused, {name}", "one batch", steps, every_document_once)
        killed = (the_api_will(refusal), killed_at("batch rejected: moving"), the_api_is_well, a_person_resumes)
        yield Case(f"refused, {name}, killed", "one batch", killed, every_document_once)
    for name, rule in _REAL_TIME.items():
        yield Case(f"real time: {name}", "urgent", (the_api_will({"on": "messages", **rule}),), at_most_once)
    hidden = the_api_will({"on": "create", "do": "cut after"}, {"on": "list", "do": "hide", "seconds": 25})
    steps = (hidden, _runs_until_idle, the_twin_comes_to_light)
    yield Case("create: hidden for longer than the grace time", "one batch", steps, the_double_price_is_said)
    yield from _of_others()
    yield from _of_lacking_lines()


def _of_others() -> Iterator[Case]:
    """A batch of the same size at the same moment is never adopted and never canceled."""
    for name, place in (("never arrived", "submit: claimed"), ("arrived", "create: answered")):
        steps = (killed_at(place), others_send(10))
        yield Case(f"foreign batches, ours {name}", "one batch", steps, foreign_batches_were_let_alone)


def _of_lacking_lines() -> Iterator[Case]:
    always = the_api_will({"on": "results", "do": "lack", "seed": 7, "times": "every"})
    again = (stops_although_lines_lack, stops_although_lines_lack)
    yield Case("a line lacks for ever", "one batch", (always, *again), one_is_missing)
    for place in ("ingest: lack counted", "ingest: lacking ended"):
        before = () if place.endswith("counted") else again
        after = again if place.endswith("counted") else ()
        steps = (always, *before, killed_at(place), *after)
        yield Case(f"a line lacks for ever, {place}", "one batch", steps, one_is_missing)


LOST_ANSWERS = {case.name: case for case in lost_answers()}
