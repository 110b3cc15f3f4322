"""Cases run a few at a time, because most of them only wait for a deadline."""

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.faults.cases import Case, play
from tests.faults.worlds import Worlds

AT_ONCE = int(os.environ.get("FAULTS_AT_ONCE", 2 * (os.cpu_count() or 2)))


@contextmanager
def worlds_of_their_own() -> Iterator[Worlds]:
    """A database server in a folder short enough for its socket; both are gone at the end."""
    with tempfile.TemporaryDirectory(prefix="ns-worlds-", dir="/tmp" if Path("/tmp").is_dir() else None) as folder:
        worlds = Worlds(Path(folder).resolve())
        try:
            yield worlds
        finally:
            worlds.close()


@contextmanager
def playing(cases: Iterable[Case], worlds: Worlds, *, hurry: bool = False) -> Iterator[Callable[[Case], None]]:
    """All cases begin; what it yields waits for one of them and raises what went wrong in it."""
    pool = ThreadPoolExecutor(AT_ONCE)
    in_order = sorted(cases, key=lambda case: not case.takes_minutes)
    running: dict[str, Future[None]] = {case.name: pool.submit(play, case, worlds, hurry=hurry) for case in in_order}
    try:
        yield lambda case: running[case.name].result()
    finally:
        pool.shutdown(cancel_futures=True)
