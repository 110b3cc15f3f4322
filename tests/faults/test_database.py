"""PostgreSQL is stopped in the middle of everything and started again, and the disk is full."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.faults.cases import Case, Step, at_most_once, every_document_once
from tests.faults.house import COMMAND_SECONDS, House
from tests.faults.worlds import WORLDS


def stopped_at_once(data: Path) -> None:
    """As `pg_ctl stop -m immediate`: every connection breaks, nothing is written any more."""
    _end(data, signal.SIGQUIT)


def killed(data: Path) -> None:
    """SIGKILL to the postmaster; its children end by themselves."""
    _end(data, signal.SIGKILL)


def _end(data: Path, how: signal.Signals) -> None:
    process = psutil.Process(int((data / "postmaster.pid").read_text().splitlines()[0]))
    os.kill(process.pid, how)
    psutil.wait_procs([process], timeout=COMMAND_SECONDS)


def without_a_database_at(place: str, ends: Callable[[Path], None]) -> Step:
    """The database goes away while a process stands at the place; the next connection starts it again."""

    def step(house: House) -> None:
        running = house.start("manage.py", "run_pipeline", "--until-idle", "--timeout", "200", fault=f"{place}=pause 3")
        house.until(lambda: house.has_acted(place))
        ends(house.home / "pg")
        house.finish(running)
        assert house.status()["documents"]

    return step


def cases() -> Iterator[Case]:
    for place in (
        *("build: claimed", "submit: claimed", "create: answered"),
        *("poll: answered", "ingest: line read", "results: settled"),
    ):
        for ends in (stopped_at_once, killed):
            steps = (without_a_database_at(place, ends),)
            yield Case(f"{place}, {ends.__name__}", "one batch", steps, every_document_once, own_server=True)
    for place in ("urgent: claimed", "urgent: answered", "results: settled"):
        steps = (without_a_database_at(place, killed),)
        yield Case(f"real time, {place}, killed", "urgent", steps, at_most_once, own_server=True)


DATABASES = {case.name: case for case in cases()}


@pytest.mark.parametrize("case", DATABASES.values(), ids=DATABASES)
def test_a_database_that_goes_away_costs_nothing(case, played):
    assert played(case) is None


def test_a_full_disk_stops_the_fetching_and_loses_nothing(worlds):
    with worlds.house("three batches") as house:
        full = house.until_idle(NIGHTSHIFT_MIN_FREE_BYTES=str(10**15))
        sentences = house.said()
        assert house.until_idle() == 0, house.said()
        every_document_once(house, WORLDS["three batches"])
    assert full == 1
    assert "bytes of disk are free" in sentences


def test_a_body_that_does_not_fit_on_the_disk_is_never_sent(worlds):
    with worlds.house("large body") as house:
        # No file of the process may be larger than 100 kB; the body of the batch is.
        limited = ("-c", _LIMITED, "manage.py", "run_pipeline", "--until-idle", "--timeout", "20")
        full = house.finish(house.start(*limited))
        accepted = house.account()["batches_accepted"]
        assert house.until_idle() == 0, house.said()
        every_document_once(house, WORLDS["large body"])
    assert full != 0
    assert accepted == 0


_LIMITED = (
    "import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)); "
    "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
)
