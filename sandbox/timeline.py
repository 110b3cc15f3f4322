"""When a batch ends and how much of it is done then. Pure arithmetic on creation time, cancel time and switches.

Nothing here depends on how fast the machine is: the same batch has the same end however busy the sandbox was.
"""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.behavior import Switches
from sandbox.clock import PROCESSING_SECONDS, RESULTS_SECONDS
from sandbox.store import BatchRow

MICRO = 1_000_000
# A cancel takes a third of the batch's time; requests that are being worked on when it comes still finish.
CANCELING_SHARE = 1 / 3
IN_FLIGHT_SHARE = 20


@dataclass(frozen=True)
class End:
    """`done` requests, counted in processing order, have their own outcome; the rest ends as `rest` says."""

    at: int
    done: int
    rest: str


def expires_at(batch: BatchRow) -> int:
    return batch.created + PROCESSING_SECONDS * MICRO


def archived_at(batch: BatchRow) -> int:
    """29 days after creation, not after the end."""
    return batch.created + RESULTS_SECONDS * MICRO


def end_of(batch: BatchRow, switches: Switches) -> End:
    started = max(batch.created, switches.released)
    natural_end = started + round(batch.seconds * MICRO)
    expiry = expires_at(batch)
    if batch.cancel_initiated is not None:
        done = min(batch.total, _done(batch, started, batch.cancel_initiated, switches) + _in_flight(batch, switches))
        cancel_end = batch.cancel_initiated + round(batch.seconds * CANCELING_SHARE * MICRO)
        return End(min(cancel_end, max(expiry, batch.cancel_initiated)), done, "canceled")
    if switches.hold or natural_end > expiry:
        return End(expiry, _done(batch, started, expiry, switches), "expired")
    return End(natural_end, batch.total, "expired")


def _done(batch: BatchRow, started: int, moment: int, switches: Switches) -> int:
    if switches.hold or moment < started:
        return 0
    if batch.seconds == 0:
        return batch.total
    return min(batch.total, int(batch.total * (moment - started) / (batch.seconds * MICRO)))


def _in_flight(batch: BatchRow, switches: Switches) -> int:
    """At least one of several requests, so that a cancel gives a mix even when it comes at once."""
    if switches.hold or batch.total == 1:
        return 0
    return max(1, batch.total // IN_FLIGHT_SHARE)
