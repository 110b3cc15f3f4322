"""Two sets of clusters label a few thousand documents while everything around them fails, and the account is shown.

    python -m benchmarks.chaos [--minutes 5] [--seed N]

The sandbox loses, delays and garbles answers at random, a killer sends SIGKILL to random processes of this run
(workers, clusters, the sandbox, PostgreSQL), and new documents keep coming. Then the faults end, everything runs until
idle, and the account is printed: what came in, what became of it, what was charged twice (must be 0) and what was lost
(must be 0). It ends with 1 where the account is not clean. Everything happens in an installation of its own, which is
gone at the end with every process of it.
"""

import argparse
import contextlib
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import psutil

from batchsite.embedded_postgres import server
from tests.faults.house import House, end_tree
from tests.faults.worlds import TASK

QUEUES = ("ticks", "bulk", "urgent")
SETS = 2
SETTINGS = {
    "NIGHTSHIFT_CREATE_TIMEOUT_SECONDS": "8",
    "NIGHTSHIFT_DOUBT_GRACE_SECONDS": "12",
    "NIGHTSHIFT_POLL_SECONDS": "0.5",
    "NIGHTSHIFT_RETRY_BACKOFF_SECONDS": "1",
    "NIGHTSHIFT_BATCH_REQUESTS": "40",
    "NIGHTSHIFT_URGENT_CONCURRENCY": "8",
    "NIGHTSHIFT_CANARY": "1",
    "SANDBOX_SECONDS_PER_BATCH": "2",
    "SANDBOX_SECONDS_PER_MESSAGE": "0.1",
}
"""The grace is longer than any answer or list is delayed here, as it is set to be in earnest."""

FEED_ROWS, FEED_EVERY_SECONDS = 120, 6.0
KILL_EVERY_SECONDS = (1.0, 5.0)
CALM_SECONDS = 900

VICTIMS = {"worker": 50, "cluster": 30, "sentinel": 8, "sandbox": 7, "postgres": 5}
"""How often each is chosen, in percent; "worker" is any child of a sentinel. Whole clusters die often, because one
whose idle worker was killed may stand still until it is started anew."""

OF_BATCHES: tuple[Any, ...] = (
    *("reset", "cut before", "cut after", "not found", "lack", "repeat", "foreign"),
    {"do": "error", "status": [429, 500, 529]},
    {"do": "error after", "status": [500, 504, 529]},
    {"do": "wait after", "seconds": [1, 12]},
    {"do": "short", "share": [0, 0.3, 0.9], "framing": ["chunked", "length", "close"]},
    {"do": "stall", "seconds": 3},
    {"do": "hide", "seconds": 4},
)
OF_MESSAGES: tuple[Any, ...] = (
    *("reset", "cut before", "cut after", "short"),
    {"do": "error", "status": [429, 500, 529]},
    # Not 529: the API's word that it was overloaded and did not work is believed.
    {"do": "error after", "status": [500, 504]},
    {"do": "wait after", "seconds": 3},
)


@dataclass
class Run:
    """What this run has started, done and seen."""

    house: House
    dice: random.Random
    clusters: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    feeds: list[tuple[subprocess.Popen[str], int]] = field(default_factory=list)
    killed: Counter[str] = field(default_factory=Counter)
    rows: int = 0


def main() -> int:
    parser = argparse.ArgumentParser(description="Fails everything at random and shows the account.")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = random.randrange(10**6) if options.seed is None else options.seed
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))
    say(f"Chaos for {options.minutes:g} minutes with seed {seed}.")
    with House(None, SETTINGS) as house:
        run = Run(house, random.Random(seed))
        try:
            prepare(run)
            storm(run, time.monotonic() + options.minutes * 60, seed)
            calm(run)
            return 0 if account(run, seed) else 1
        finally:
            for process in run.clusters.values():
                end_tree(process, house.home)
            server.stop(house.home / "pg", even_if_connected=True)


def prepare(run: Run) -> None:
    where = server.ensure(run.house.home / "pg", "nightshift")
    run.house.address = f"postgresql://postgres@/nightshift?host={where['host']}&port={where['port']}"
    task = run.house.home / "tasks.toml"
    task.write_text(TASK.format(model="claude-haiku-4-5", max_tokens=64))
    for command in (["migrate", "--verbosity", "0"], ["load_tasks", str(task)]):
        if run.house.run(*command):
            raise SystemExit(run.house.said())


def storm(run: Run, until: float, seed: int) -> None:
    """Clusters work, documents come, answers fail, processes die."""
    run.house.ask(
        "faults",
        [
            {"on": "batches", "kinds": list(OF_BATCHES), "rate": 0.15, "seed": seed},
            {"on": "messages", "kinds": list(OF_MESSAGES), "rate": 0.15, "seed": seed + 1},
        ],
    )
    for number in range(SETS):
        for queue in QUEUES:
            start_cluster(run, f"{queue} {number}")
    start_cluster(run, "metronome 0")
    next_feed = next_kill = 0.0
    while (now := time.monotonic()) < until:
        if now >= next_feed:
            feed(run)
            next_feed = now + FEED_EVERY_SECONDS
        if now >= next_kill:
            kill_somebody(run)
            next_kill = now + run.dice.uniform(*KILL_EVERY_SECONDS)
        start_what_died(run)
        time.sleep(0.1)


def start_cluster(run: Run, name: str) -> None:
    queue = name.split()[0]
    command = "metronome" if queue == "metronome" else "qcluster"
    run.clusters[name] = run.house.start(
        "manage.py", command, Q_CLUSTER_NAME="ticks" if command != "qcluster" else queue
    )


def start_what_died(run: Run) -> None:
    """What a dead cluster left behind is ended, as the watchdog of an installation does, and it starts anew."""
    for name, process in run.clusters.items():
        if process.poll() is not None:
            end_tree(process, run.house.home)
            start_cluster(run, name)
    if not run.house.sandbox.is_running():
        run.house.restart_sandbox()


def feed(run: Run) -> None:
    """Documents of every kind come in: most for batches, some in real time, some twice, some that fail."""
    number = len(run.feeds)
    is_urgent = number % 4 == 3
    texts = [_text(run, number, row, (1, 0, 0, 0, 0) if is_urgent else (92, 3, 2, 2, 1)) for row in range(FEED_ROWS)]
    texts += run.dice.sample(texts, FEED_ROWS // 20)
    file = run.house.home / f"feed-{number}.txt"
    file.write_text("".join(f"{text}\n" for text in texts))
    lane = ("--lane", "urgent") if is_urgent else ("--leave", "now")
    process = run.house.start("manage.py", "import_documents", str(file), "--task", "colors", *lane)
    run.feeds.append((process, len(texts)))


MARKERS = ("", " [[error overloaded_error 1]]", " [[expire 1]]", " [[refuse]]", " [[off list]]")


def _text(run: Run, number: int, row: int, weights: tuple[int, ...]) -> str:
    color, marker = run.dice.choice(("red", "green", "blue")), run.dice.choices(MARKERS, weights)[0]
    return f"Row {row} of file {number} was {color}.{marker}"


def kill_somebody(run: Run) -> None:
    kind = run.dice.choices(list(VICTIMS), list(VICTIMS.values()))[0]
    victims = _victims(run, kind)
    if victims:
        with contextlib.suppress(psutil.Error):
            run.dice.choice(victims).kill()
            run.killed[kind] += 1


def _victims(run: Run, kind: str) -> list[psutil.Process]:
    if kind == "sandbox":
        return [psutil.Process(run.house.sandbox.pid)] if run.house.sandbox.is_running() else []
    if kind == "postgres":
        return _postmaster(run)
    mains = [psutil.Process(p.pid) for name, p in sorted(run.clusters.items()) if p.poll() is None]
    if kind == "cluster":
        return mains
    sentinels = [child for main in mains for child in _children(main)]
    return sentinels if kind == "sentinel" else [child for sentinel in sentinels for child in _children(sentinel)]


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return sorted(process.children(), key=lambda child: child.pid)
    except psutil.Error:
        return []


def _postmaster(run: Run) -> list[psutil.Process]:
    try:
        return [psutil.Process(int((run.house.home / "pg" / "postmaster.pid").read_text().splitlines()[0]))]
    except (OSError, ValueError, IndexError, psutil.Error):
        return []


def calm(run: Run) -> None:
    """No more faults: what is left becomes calm by itself."""
    say(f"Killed: {_listed(run.killed)}. Now everything becomes calm.")
    start_what_died(run)
    faults = run.house.ask("faults")
    acts: Counter[str] = Counter()
    for rule in faults["faults"]:
        acts.update(rule["by"])
    say(f"Faults of the API: {faults['acted']} ({_listed(acts)}).")
    run.house.ask("faults", method="DELETE")
    for process in run.clusters.values():
        end_tree(process, run.house.home)
    for process, rows in run.feeds:
        if run.house.finish(process) == 0:
            run.rows += rows
    server.ensure(run.house.home / "pg", "nightshift")
    states = "SELECT state, count(*) FROM labeling_document GROUP BY 1"
    say(f"When the storm was over: {_listed(dict(run.house.rows(states)))}.")
    began = time.monotonic()
    command = ("manage.py", "run_pipeline", "--until-idle", "--timeout", str(CALM_SECONDS))
    code = run.house.finish(run.house.start(*command), seconds=CALM_SECONDS + 60)
    say(f"Calm after {time.monotonic() - began:.0f} seconds, exit code {code}.")


def account(run: Run, seed: int) -> bool:
    """Printed; True where it is clean."""
    house = run.house
    status, charged = house.status(), house.account()
    states = status["documents"]
    came_in = house.value("SELECT COALESCE(sum(accepted), 0) FROM labeling_upload WHERE state IN ('ready', 'done')")
    reasons = dict(
        house.rows("SELECT failure_reason, count(*) FROM labeling_document WHERE state = 'failed' GROUP BY 1")
    )
    paid = house.value("SELECT count(*) FROM labeling_document WHERE state = 'labeled' AND leader_id IS NULL")
    moves = dict(house.rows("SELECT new, count(*) FROM labeling_batchevent GROUP BY 1"))
    twins = house.value("SELECT count(*) FROM labeling_candidate WHERE verdict = 'late_twin'")
    wrong = [identity["name"] for identity in status["ledger"] if not identity["holds"]]
    lost = max(run.rows - came_in, 0) + came_in - states["labeled"] - states["failed"]
    twice = charged["charged_more_than_once"]
    say(f"Documents in            {came_in:>8,}   ({run.rows:,} by imports that ended well)")
    say(f"Labeled                 {states['labeled']:>8,}")
    say(f"Failed with a reason    {states['failed']:>8,}   ({_listed(reasons)})")
    say(f"Charged by the API      {charged['documents_charged']:>8,}   documents, {charged['charged_usd']} USD")
    say(f"Booked                  {status['money']['paid_usd']:>8} USD")
    say(f"Batches                 {charged['batches_accepted']:>8,}   ({_listed(moves)})")
    say(f"Charged twice           {twice:>8,}   (must be 0)")
    say(f"Lost                    {lost:>8,}   (must be 0)")
    say(f"Labeled but not charged {max(paid - charged['documents_charged'], 0):>8,}   (must be 0)")
    say(f"Late twins              {twins:>8,}   (must be 0)")
    say("The book balances." if not wrong else f"THE BOOK DOES NOT BALANCE: {'; '.join(wrong)}")
    clean = not (twice or lost or twins or wrong or states["queued"] or states["batched"]) and came_in > 0
    say(f"{'Clean' if clean else 'NOT CLEAN'}, seed {seed}.")
    if not clean:
        say(house.said()[-8000:])
    return clean


def _listed(counts: Any) -> str:
    return ", ".join(f"{n:,} {name}" for name, n in sorted(counts.items())) or "none"


def say(sentence: str) -> None:
    print(sentence, flush=True)


if __name__ == "__main__":
    sys.exit(main())
