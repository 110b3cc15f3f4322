"""status and doctor."""

import pytest

from tests.commands.console import Console
from tests.factories import make_workers_well
from tests.pipeline.story import a_version

pytestmark = pytest.mark.usefixtures("house")


def test_status_has_the_numbers_that_other_programs_read(console: Console) -> None:
    found = console("status", "--json")
    assert (found.code, found.err, len(found.out.splitlines())) == (0, "", 1)
    numbers = found.summary
    assert set(numbers) >= {
        "documents", "batches", "requests", "money", "ledger", "waiting", "doubtful_submissions", "cluster", "paused",
        "troubles",
    }  # fmt: skip
    assert set(numbers["money"]) >= {"list_usd", "paid_usd", "saved_usd", "unpriced_results"}
    assert {"open", "missing", "succeeded", "errored", "canceled", "expired"} <= set(numbers["requests"])
    assert set(numbers["ledger"][0]) == {"name", "left", "right", "holds"}
    assert set(numbers["cluster"]) >= {"alive", "last_beat"}
    assert "The book balances." in console("status").err


def test_doctor_names_each_fault_and_ends_with_1(console: Console) -> None:
    a_version(model="claude-of-tomorrow")
    found = console("doctor")
    assert found.code == 1
    assert "The price of claude-of-tomorrow is not known" in found.err
    assert "No worker" in found.err
    assert found.summary["faults"] == len(found.err.strip().splitlines())


def test_doctor_finds_nothing_where_all_is_well(console: Console) -> None:
    make_workers_well()
    found = console("doctor")
    assert (found.code, found.summary) == (0, {"faults": 0}), found.err
