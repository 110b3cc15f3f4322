"""Several processes and clusters work on one database through the same night, and a task is delivered twice."""

from collections.abc import Iterator

import pytest

from tests.faults.cases import Case, Step, at_most_once, every_document_once
from tests.faults.house import House

QUEUES = ("ticks", "bulk", "urgent")
UNTIL_IDLE = ("manage.py", "run_pipeline", "--until-idle", "--timeout", "200")
TASK_SECONDS = 660.0


def three_processes_race(house: House) -> None:
    racing = [house.start(*UNTIL_IDLE) for _ in range(3)]
    assert [house.finish(process) for process in racing] == [0, 0, 0], house.said()


def clusters_work(*, sets: int, times: int, fault: str = "") -> Step:
    """Real clusters until nothing waits; ticks and recoveries, and what they hand out, are delivered so many times."""

    def step(house: House) -> None:
        for queue in QUEUES * sets:
            house.start("manage.py", "qcluster", Q_CLUSTER_NAME=queue, fault=f"{fault}=kill" if fault else "")
        deliver = ("-m", "tests.faults.person", "deliver", str(times))
        delivering = house.start(*deliver, DJANGO_SETTINGS_MODULE="batchsite.settings")
        assert house.finish(delivering, seconds=TASK_SECONDS) == 0, house.said()
        assert not fault or house.has_acted(fault), house.said()

    return step


def somebody_sleeps_at(place: str) -> Step:
    """A sender stands still far beyond its deadline, while another process settles what it left."""

    def step(house: House) -> None:
        sleeper = house.start(*UNTIL_IDLE, fault=f"{place}=pause 60")
        house.until(lambda: house.has_acted(place))
        assert house.until_idle() == 0, house.said()
        assert sleeper.poll() is None, "It woke up before the others were done."
        assert house.finish(sleeper) == 0, house.said()

    return step


def the_api_dies_at(place: str) -> Step:
    def step(house: House) -> None:
        running = house.start(*UNTIL_IDLE, fault=f"{place}=pause 3")
        house.until(lambda: house.has_acted(place))
        house.restart_sandbox()
        assert house.finish(running) == 0, house.said()

    return step


def cases() -> Iterator[Case]:
    for place in (
        "submit: body noted",
        "submit: claimed",
        "create: answered",
        "results: settled",
        "results: committed",
    ):
        steps = (clusters_work(sets=1, times=1, fault=place),)
        yield Case(
            f"a worker killed in a cluster, {place}", "three batches", steps, every_document_once, takes_minutes=True
        )
    steps = (clusters_work(sets=1, times=1, fault="urgent: answered"),)
    yield Case("a worker killed in a cluster, urgent: answered", "urgent", steps, at_most_once, takes_minutes=True)
    for world in ("three batches", "urgent", "canary"):
        steps = (clusters_work(sets=2, times=3),)
        yield Case(f"two clusters, every task three times, {world}", world, steps, every_document_once)
    for world in ("three batches", "urgent"):
        yield Case(f"three processes, {world}", world, (three_processes_race,), every_document_once)
    for world, place in (("one batch", "submit: claimed"), ("large body", "create: body begun")):
        steps = (somebody_sleeps_at(place),)
        yield Case(f"a sender wakes up after its deadline, {place}", world, steps, every_document_once)
    for place in ("submit: claimed", "poll: taken", "ingest: line read"):
        yield Case(
            f"the API dies and comes back, {place}", "three batches", (the_api_dies_at(place),), every_document_once
        )


RACES = {case.name: case for case in cases()}


@pytest.mark.parametrize("case", RACES.values(), ids=RACES)
def test_whoever_works_at_the_same_time_every_document_is_paid_for_once(case, played):
    assert played(case) is None
