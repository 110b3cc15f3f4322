"""Ends the own process exactly at a named place: how it is proved that dying there costs and loses nothing.

Off unless NIGHTSHIFT_FAULT names a place, and refused where anything but this machine could be called:

    NIGHTSHIFT_FAULT="submit: claimed=kill"        SIGKILL when the place is reached
    NIGHTSHIFT_FAULT="submit: claimed=kill@2"      when one process reaches it for the second time
    NIGHTSHIFT_FAULT="submit: claimed=pause 3"     stand still there for three seconds

Several are separated by semicolons. Each acts once over all processes of an installation: the first
one makes a file in NIGHTSHIFT_HOME/faults, which also tells afterwards that it did.
"""

import os
import re
import signal
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from batchsite.api_address import api_address
from batchsite.environment import EnvironmentFault, is_loopback, read_environment
from labeling.states import BatchState

VARIABLE = "NIGHTSHIFT_FAULT"

PLACES = frozenset(
    {
        *("build: night known", "build: claimed", "build: committed"),
        *("submit: body written", "submit: body noted", "submit: newest known", "submit: claiming", "submit: claimed"),
        *("create: body begun", "create: body sent", "create: answered", "submit: refused", "submit: halving"),
        *("poll: taken", "poll: answered", "poll: mirrored"),
        *("ingest: stream open", "ingest: line read", "ingest: chunk stored", "ingest: downloaded"),
        *("ingest: lack counted", "ingest: lacking ended"),
        *("results: settled", "results: committed"),
        *("urgent: claiming", "urgent: claimed", "urgent: calling", "urgent: answered", "urgent: fault settled"),
        *("urgent: booked",),
        *("canary: choosing", "canary: sent", "canary: read", "canary: failing", "canary: decided"),
        *("recover: calls ended", "doubt: listed", "doubt: candidates noted", "doubt: lines read"),
        *("doubt: deciding", "doubt: decided", "doubt: declaring absent", "doubt: declared absent"),
        *("cancel: wished", "cancel: asking", "cancel: answered"),
        *("prove: compared",),
        *("move: moving", "move: moved"),
        *("withdraw: wished", "withdraw: restoring", "withdraw: sweeping", "withdraw: swept"),
        *("trial: rest sent", "trial: rest discarded", "trial: portion withdrawn", "send now: carried out"),
        *("erase: asked", "erase: erasing", "erase: portion done", "erase: file removed"),
        *("restored: listed", "restored: lines read", "restored: mapping", "restore: filled", "restored: mapped"),
        *("tallies: folding", "tallies: folded", "hand out: leased"),
        *(
            f"batch {state}: {step}"
            for state in set(BatchState) - {BatchState.SUBMITTING}
            for step in ("moving", "moved")
        ),
    }
)
"""Every boundary: before and after each commit and each network call. "-ing" stands inside a transaction."""

_WORDS = re.compile(r"(?P<place>[^=;]+)=(?:kill(?:@(?P<time>[1-9]\d*))?|pause (?P<seconds>\d+(?:\.\d+)?))")


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens at a place: SIGKILL at the `time`-th time, or standing still for `seconds`."""

    place: str
    time: int = 1
    seconds: float | None = None


def reach(place: str) -> None:
    """The process has come to this place."""
    if _planned:
        _act_at(place)


def read_plan(text: str) -> dict[str, Fault]:
    """The faults by their place. Raises EnvironmentFault for what cannot be read, and where faults may not act."""
    if not text.strip():
        return {}
    _require_own_machine()
    faults = [_read(part.strip()) for part in text.split(";") if part.strip()]
    return {fault.place: fault for fault in faults}


def has_acted(home: Path, place: str) -> bool:
    """Whether the fault at this place has acted in the installation of this folder."""
    return _marker(home, place).exists()


def _require_own_machine() -> None:
    environment, address = read_environment(), api_address()
    if not environment.loopback_only:
        raise EnvironmentFault([f"{VARIABLE} ends processes: it needs NIGHTSHIFT_LOOPBACK_ONLY=1 beside it."])
    if not address.is_sandbox and not is_loopback(address.base_url):
        raise EnvironmentFault([f"{VARIABLE} ends processes: it is refused because {address.base_url} could be paid."])


def _read(part: str) -> Fault:
    words = _WORDS.fullmatch(part)
    if words is None:
        raise EnvironmentFault([f'{VARIABLE}: {part!r} is not "PLACE=kill", "PLACE=kill@2" or "PLACE=pause 3".'])
    if words["place"] not in PLACES:
        raise EnvironmentFault(
            [f"{VARIABLE}: there is no place {words['place']!r}. Places: {'; '.join(sorted(PLACES))}."]
        )
    return Fault(words["place"], int(words["time"] or 1), float(words["seconds"]) if words["seconds"] else None)


def _act_at(place: str) -> None:
    _reached[place] += 1
    fault = _planned.get(place)
    if fault is None or _reached[place] != fault.time or not _is_first(place):
        return
    if fault.seconds is None:
        os.kill(os.getpid(), signal.SIGKILL)
    else:
        time.sleep(fault.seconds)


def _is_first(place: str) -> bool:
    marker = _marker(read_environment().home, place)
    marker.parent.mkdir(parents=True, exist_ok=True)
    try:
        marker.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _marker(home: Path, place: str) -> Path:
    return home / "faults" / re.sub(r"\W+", "-", place)


_reached: Counter[str] = Counter()
_planned = read_plan(os.environ.get(VARIABLE, ""))
