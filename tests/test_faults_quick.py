"""One kill in every stage, and the hook itself; `make test-faults` runs the whole matrix."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

pytest.register_assert_rewrite("tests.faults.cases", "tests.faults.house")

from batchsite.environment import CHECKOUT, EnvironmentFault  # noqa: E402
from labeling import faults  # noqa: E402
from tests.faults.cases import (  # noqa: E402
    Case,
    a_person,
    at_most_once,
    batches_become_fast,
    every_document_once,
    killed_at,
)
from tests.faults.playing import playing, worlds_of_their_own  # noqa: E402

NEVER_ARRIVED = ("build: claimed", "submit: claimed", "doubt: declaring absent", "poll: answered")
ARRIVED = ("create: answered", "doubt: lines read", "ingest: line read@5", "results: settled")
CASES = (
    Case("never arrived", "three batches", tuple(map(killed_at, NEVER_ARRIVED)), every_document_once),
    Case("arrived", "three batches", tuple(map(killed_at, ARRIVED)), every_document_once),
    Case(
        "a cancel",
        "one batch",
        (
            killed_at("batch in_progress: moved"),
            batches_become_fast,
            a_person("cancel"),
            killed_at("cancel: answered"),
        ),
        every_document_once,
        settings={"SANDBOX_SECONDS_PER_BATCH": "20"},
    ),
    Case("real time", "urgent", (killed_at("urgent: answered@2"),), at_most_once),
    Case("a canary", "canary", (killed_at("canary: choosing"), killed_at("canary: read")), every_document_once),
)


@pytest.fixture(scope="module")
def played() -> Iterator[Callable[[Case], None]]:
    with worlds_of_their_own() as worlds, playing(CASES, worlds, hurry=True) as wait_for:
        yield wait_for


@pytest.mark.journey
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_killed_in_every_stage_every_document_is_paid_for_once(case, played):
    assert played(case) is None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("submit: claimed=kill", faults.Fault("submit: claimed")),
        ("submit: claimed=kill@2", faults.Fault("submit: claimed", time=2)),
        ("submit: claimed=pause 1.5", faults.Fault("submit: claimed", seconds=1.5)),
    ],
)
def test_a_fault_names_its_place_and_what_happens_there(text, fault, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:1")
    assert faults.read_plan(text) == {"submit: claimed": fault}


@pytest.mark.parametrize("text", ["submit: claimed", "nowhere=kill", "submit: claimed=kill@0", "submit: claimed=burn"])
def test_a_fault_that_cannot_be_read_is_a_sentence(text, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:1")
    with pytest.raises(EnvironmentFault, match="NIGHTSHIFT_FAULT"):
        faults.read_plan(text)


@pytest.mark.parametrize(
    "environment",
    [
        {"NIGHTSHIFT_LOOPBACK_ONLY": "0", "ANTHROPIC_BASE_URL": "http://127.0.0.1:1"},
        {"NIGHTSHIFT_LOOPBACK_ONLY": "1", "ANTHROPIC_BASE_URL": "https://api.anthropic.com"},
        {"NIGHTSHIFT_LOOPBACK_ONLY": "1"},
    ],
)
def test_where_money_could_be_spent_a_fault_ends_the_start_with_a_sentence(environment, tmp_path):
    place = {"NIGHTSHIFT_HOME": str(tmp_path), "ANTHROPIC_API_KEY": "key", "NIGHTSHIFT_FAULT": "submit: claimed=kill"}
    ended = subprocess.run(
        [sys.executable, "manage.py", "run_pipeline"],
        cwd=CHECKOUT,
        env={**os.environ, **place, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 2
    assert "NIGHTSHIFT" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_without_a_plan_a_place_is_passed():
    assert faults.read_plan(" ") == {}
    assert faults.reach("submit: claimed") is None
