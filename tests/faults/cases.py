"""The matrix: at every boundary a process is killed, everything is started again, and the account must be clean."""

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.faults.house import House
from tests.faults.worlds import WORLDS, World, Worlds

Step = Callable[[House], None]
Judge = Callable[[House, World], None]


@dataclass(frozen=True)
class Case:
    """Steps in a world; then everything runs until idle, ends with `ending`, and is judged."""

    name: str
    world: str
    steps: tuple[Step, ...]
    judge: Judge
    ending: int = 0
    settings: dict[str, str] = field(default_factory=dict)
    own_server: bool = False
    """Whether the house has the product's own database server to itself, which its steps may end."""
    takes_minutes: bool = False
    """It waits for leases of minutes and does little: it begins first."""


def play(case: Case, worlds: Worlds, *, hurry: bool = False) -> None:
    """With hurry the half minute until a dead sender counts as done is skipped."""
    enter = worlds.house_with_server if case.own_server else worlds.house
    with enter(case.world, **case.settings) as house:
        for step in (*case.steps, _runs_until_idle(case.ending)):
            house.let_calls_be_given_up()
            if hurry:
                house.let_senders_be_done()
            step(house)
        case.judge(house, WORLDS[case.world])


def _runs_until_idle(ending: int) -> Step:
    def step(house: House) -> None:
        assert house.until_idle() == ending, house.said()

    return step


def killed_at(place: str, *command: str) -> Step:
    """A run of the pipeline, or another command, that is ended by SIGKILL exactly there."""

    name, _, time = place.partition("@")
    fault = f"{name}=kill@{time or 1}"

    def step(house: House) -> None:
        arguments = command or ("manage.py", "run_pipeline", "--until-idle", "--timeout", "200")
        code = house.finish(house.start(*arguments, fault=fault, DJANGO_SETTINGS_MODULE="batchsite.settings"))
        assert house.has_acted(name), f"{place} was not reached:\n{house.said()}"
        assert code == -signal.SIGKILL, house.said()

    return step


def a_person(what: str) -> Step:
    def step(house: House) -> None:
        process = house.start("-m", "tests.faults.person", what, DJANGO_SETTINGS_MODULE="batchsite.settings")
        assert house.finish(process) == 0, house.said()

    return step


def batches_become_fast(house: House) -> None:
    """Those that are created from now on."""
    house.ask("behavior", {"seconds_per_batch": 0.3})


def two_days_pass(house: House) -> None:
    """What was to leave tonight is due."""
    house.rows("UPDATE labeling_upload SET counts_from = now() - interval '2 days'")


# --- what must be true at the end -----------------------------------------------------------------------------------


def every_document_once(house: House, world: World) -> None:
    """Labeled once, charged once, and both sides know the same money."""
    status, account = house.status(), house.account()
    book_balances(status)
    states = {state: n for state, n in status["documents"].items() if n}
    assert states == {"labeled": len(world.texts)}, house.said()
    assert not status["waiting"]
    assert not status["doubtful_submissions"]
    nothing_twice(account)
    assert account["documents_charged"] == account["requests_charged"] == world.leaders
    assert Decimal(account["charged_usd"]) == Decimal(status["money"]["paid_usd"])


def at_most_once(house: House, world: World) -> None:
    """In real time: labeled and charged once, or listed as unclear and charged once at the most."""
    status, account = house.status(), house.account()
    book_balances(status)
    states = status["documents"]
    assert states["labeled"] + states["failed"] == len(world.texts), house.said()
    reasons = {
        reason for (reason,) in house.rows("SELECT failure_reason FROM labeling_document WHERE state = 'failed'")
    }
    assert reasons <= {"unclear"}
    labeled = house.value("SELECT count(*) FROM labeling_document WHERE state = 'labeled' AND leader_id IS NULL")
    assert world.leaders - status["requests"]["unclear"] == labeled
    assert status["requests"]["unclear"] <= int(house.environment()["NIGHTSHIFT_URGENT_CONCURRENCY"])
    nothing_twice(account)
    assert labeled <= account["documents_charged"] <= world.leaders
    assert Decimal(status["money"]["paid_usd"]) <= Decimal(account["charged_usd"])


def held_by_its_canary(house: House, world: World) -> None:
    """One call was made; everything else waits, unpaid, for a person."""
    status, account = house.status(), house.account()
    book_balances(status)
    assert status["paused"][0]["kind"] == "canary", house.said()
    assert status["documents"]["queued"] + status["documents"]["failed"] == len(world.texts)
    assert account["requests_accepted"] == 0
    assert account["documents_charged"] == account["messages_accepted"] <= 2
    nothing_twice(account)


def withdrawn_and_free(house: House, world: World) -> None:
    """Nothing of it was sent, nothing of it waits."""
    status, account = house.status(), house.account()
    book_balances(status)
    assert {state: n for state, n in status["documents"].items() if n} == {"withdrawn": len(world.texts)}
    assert account["documents_charged"] == 0


def erased_and_free(house: House, world: World) -> None:
    """Nothing of it was sent, and no word of it is left."""
    withdrawn_and_free(house, world)
    assert house.value("SELECT count(*) FROM labeling_erasure WHERE done_at IS NOT NULL") == 1
    assert house.value("SELECT count(*) FROM labeling_documenttext") == 0


def only_what_was_tried(house: House, world: World) -> None:
    """Three were tried and paid; the rest is withdrawn and cost nothing."""
    status, account = house.status(), house.account()
    book_balances(status)
    tried = house.value("SELECT count(*) FROM labeling_trialdocument")
    states = {state: n for state, n in status["documents"].items() if n}
    assert states == {"labeled": tried, "withdrawn": len(world.texts) - tried}, house.said()
    nothing_twice(account)
    assert account["documents_charged"] == tried == 3


def book_balances(status: dict[str, Any]) -> None:
    assert [identity for identity in status["ledger"] if not identity["holds"]] == []
    assert status["documents"]["queued"] == sum(status["waiting"].values())


def nothing_twice(account: dict[str, Any]) -> None:
    assert account["charged_more_than_once"] == 0
    assert account["custom_ids_charged_more_than_once"] == 0


# --- the cases ------------------------------------------------------------------------------------------------------

_STRAIGHT = (
    *("build: claimed", "build: committed", "build: committed@2"),
    *("submit: body written", "submit: body noted", "submit: newest known", "submit: claiming", "submit: claimed"),
    *("submit: claimed@3", "create: body begun", "create: body sent", "create: body sent@2", "create: answered"),
    *("batch in_progress: moving", "batch in_progress: moved"),
    *("poll: taken", "poll: answered", "poll: mirrored", "batch ended: moving", "batch ended: moved"),
    *("ingest: stream open", "ingest: line read", "ingest: line read@7", "results: settled", "results: committed"),
    *("results: committed@2", "ingest: chunk stored", "ingest: downloaded", "ingest: lacking ended"),
    *("batch ingested: moving", "batch ingested: moved", "tallies: folding", "tallies: folded"),
    *("recover: calls ended", "prove: compared"),
)
_NEVER_ARRIVED = (
    *("batch unknown: moving", "batch unknown: moved", "doubt: listed", "doubt: candidates noted"),
    *("batch absent: moving", "batch absent: moved", "doubt: declaring absent", "doubt: declared absent"),
)
_ARRIVED = (
    *("batch unknown: moving", "doubt: listed", "doubt: candidates noted", "doubt: lines read"),
    *("batch ended: moving", "batch ended: moved", "doubt: deciding", "doubt: decided"),
)
_TOO_LARGE = ("submit: refused", "submit: halving", "batch building: moving", "batch building: moved")
_CANCEL_UNSENT = ("batch rejected: moving", "batch rejected: moved", "cancel: wished")
_CANCEL = ("cancel: asking", "cancel: answered", "batch canceling: moving", "batch canceling: moved")
_URGENT = (
    *("urgent: claiming", "urgent: claimed", "urgent: calling", "urgent: calling@6", "urgent: answered"),
    *("urgent: answered@3", "results: settled", "results: committed", "urgent: booked", "urgent: booked@3"),
)
_CANARY = (
    *("canary: choosing", "canary: sent", "urgent: claimed", "urgent: answered", "results: committed"),
    *("canary: read", "canary: decided"),
)
_CANCEL_COMMAND = ("-m", "tests.faults.person", "cancel")
_SLOW_BATCHES = {"SANDBOX_SECONDS_PER_BATCH": "60"}


def _person(what: str) -> tuple[str, ...]:
    return ("-m", "tests.faults.person", what)


def _of_what_people_decide() -> Iterator[Case]:
    steps: tuple[Step, ...]
    for place in ("withdraw: wished", "withdraw: sweeping", "withdraw: swept"):
        yield Case(place, "three batches", (killed_at(place, *_person("withdraw")),), withdrawn_and_free)
    for place in ("withdraw: restoring", "withdraw: sweeping", "withdraw: swept"):
        steps = (a_person("withdraw"), killed_at(place, *_person("restore")))
        yield Case(f"taken back, {place}", "three batches", steps, every_document_once)
    steps = (a_person("try"), killed_at("trial: rest sent", *_person("send_rest")))
    yield Case("trial: rest sent", "tonight", steps, every_document_once)
    for place in ("trial: rest discarded", "trial: portion withdrawn"):
        steps = (a_person("try"), killed_at(place, *_person("discard_rest")))
        yield Case(place, "tonight", steps, only_what_was_tried)
    steps = (killed_at("erase: asked", *_person("erase")), a_person("erase"))
    yield Case("erase: asked", "three batches", steps, erased_and_free)
    for place in ("erase: erasing", "erase: portion done", "erase: file removed"):
        yield Case(place, "three batches", (a_person("erase"), killed_at(place)), erased_and_free)
    place = "send now: carried out"
    steps = (a_person("send_now"), killed_at(place, "manage.py", "run_pipeline"))
    yield Case(place, "tonight", steps, every_document_once)


def kills() -> Iterator[Case]:
    steps: tuple[Step, ...]
    for place in _STRAIGHT:
        yield Case(place, "three batches", (killed_at(place),), every_document_once)
    yield Case(
        "build: night known",
        "tonight",
        (two_days_pass, killed_at("build: night known", "manage.py", "run_pipeline")),
        every_document_once,
    )
    for place in ("create: body begun@2", "create: body sent"):
        yield Case(f"large body, {place}", "large body", (killed_at(place),), every_document_once)
    for place in ("results: committed", "results: settled@2", "ingest: chunk stored@2", "ingest: downloaded"):
        yield Case(f"several chunks, {place}", "large answers", (killed_at(place),), every_document_once)
    for place in _NEVER_ARRIVED:
        steps = (killed_at("submit: claimed"), killed_at(place))
        yield Case(f"never arrived, then {place}", "one batch", steps, every_document_once)
    for place in _ARRIVED:
        steps = (killed_at("create: answered"), killed_at(place))
        yield Case(f"arrived, then {place}", "one batch", steps, every_document_once)
    for place in _TOO_LARGE:
        small = {"SANDBOX_MAX_BATCH_BYTES": "4000"}
        yield Case(f"too large, {place}", "one batch", (killed_at(place),), every_document_once, settings=small)
    for place in _CANCEL_UNSENT:
        steps = (killed_at("build: committed"), killed_at(place, *_CANCEL_COMMAND), a_person("cancel"))
        yield Case(f"canceled unsent, {place}", "one batch", steps, every_document_once)
    for place in _CANCEL:
        steps = (killed_at("batch in_progress: moved"), batches_become_fast, a_person("cancel"), killed_at(place))
        yield Case(f"canceled, {place}", "one batch", steps, every_document_once, settings=_SLOW_BATCHES)
    for place in _URGENT:
        yield Case(f"real time, {place}", "urgent", (killed_at(place),), at_most_once)
    yield Case(
        "overloaded, urgent: fault settled",
        "urgent, overloaded at first",
        (killed_at("urgent: fault settled"),),
        at_most_once,
    )
    for place in _CANARY:
        yield Case(f"canary, {place}", "canary", (killed_at(place),), at_most_once)
    for place in ("canary: failing", "canary: decided"):
        yield Case(f"failing, {place}", "canary that fails", (killed_at(place),), held_by_its_canary, ending=1)
    for place in ("move: moving", "move: moved"):
        steps = (killed_at(place, "-m", "tests.faults.person", "move"),)
        yield Case(place, "three batches", steps, every_document_once)
    yield from _of_what_people_decide()
    steps = (killed_at("hand out: leased", "-m", "tests.faults.person", "tick"),)
    yield Case("hand out: leased", "three batches", steps, every_document_once)


KILLS = {case.name: case for case in kills()}
