"""pause and resume."""

import pytest

from tests.commands.console import Console
from tests.pipeline.story import a_version, brought_in

pytestmark = pytest.mark.usefixtures("house")


def test_pausing_twice_keeps_the_first_reason_and_resuming_tells_it(console: Console) -> None:
    first = console("pause", "--reason", "lunch")
    again = console("pause", "--reason", "later")
    assert (first.summary["changed"], again.summary["changed"]) == (True, False)
    assert [gate["reason"] for gate in console("status", "--json").summary["paused"]] == ["lunch"]
    resumed = console("resume")
    assert (resumed.summary["paused"], resumed.summary["changed"]) == (False, True)
    assert "lunch" in resumed.err
    assert console("resume").summary["changed"] is False


def test_resume_names_what_leaves_before_it_leaves_and_may_only_say_it(console: Console) -> None:
    brought_in(a_version(), ["a", "b"])
    console("pause", "--reason", "lunch")
    asked = console("resume", "--dry-run")
    assert (asked.summary["paused"], asked.summary["changed"]) == (True, False)
    assert asked.summary["leaves"]["documents"] == asked.summary["leaves"]["at_once"] == 2
    assert "Then 2 documents at once in new batches. That costs" in asked.err
    resumed = console("resume")
    assert resumed.err.index("Then 2 documents") < resumed.err.index("leaves again")
    assert resumed.summary["changed"]


def test_a_pause_wants_a_reason(console: Console) -> None:
    assert console("pause").code == 2
    assert console("pause", "--reason", "  ").code == 2
