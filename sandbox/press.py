"""Make the result lines of one batch, a block at a time, in shuffled order, while the batch is still in progress.

Every line is made as if its request were done; how many count is decided when the batch ends. If the process dies
before, the next one makes the same lines again.
"""

from __future__ import annotations

import os
import random
from array import array
from collections.abc import Iterator
from typing import Any

from sandbox import codec
from sandbox.account import Charge
from sandbox.answers import AnswerDesk, Circumstances, Outcome
from sandbox.ids import key64
from sandbox.store import BatchRow, Store
from sandbox.timeline import End
from sandbox.validation import Caller

BLOCK = 500
MOST_READ_AT_ONCE = 8_000_000
KINDS = ("succeeded", "errored", "canceled", "expired")
UNPRICED = -1


class Press:
    """Memory: some 40 bytes per request while the batch is open. One thread at a time."""

    def __init__(self, batch: BatchRow, store: Store, desk: AnswerDesk) -> None:
        self.batch = batch
        self._desk = desk
        self._attempts = store.attempts
        self._caller = Caller(**_caller_fields(batch.caller))
        self._rates: dict[str, float] = codec.loads(batch.rates.encode())
        self._index = store.read_index(batch)
        self._order = shuffled(batch.total, batch.id)
        self._body_path = store.body_path(batch.id)
        self._path = store.results_path(batch.id).with_suffix(".part")
        self._path.write_bytes(b"")
        self._ends, self._kinds = array("Q"), array("B")
        self._documents, self._custom_ids, self._costs = array("q"), array("q"), array("q")
        self._charged, self._counted = array("B"), array("B")

    @property
    def is_complete(self) -> bool:
        return len(self._ends) == self.batch.total

    def step(self, now: int) -> None:
        """Answer the next block of requests. `now` is in microseconds and only matters to the prompt cache."""
        around = Circumstances(self.batch.workspace, now, self._rates, self._attempts)
        start = len(self._ends)
        numbers = self._order[start : start + BLOCK]
        end = self._ends[-1] if self._ends else 0
        pieces = []
        for number, request in zip(numbers, self._read(numbers), strict=True):
            custom_id = request["custom_id"]
            message_id = f"msg_01{self.batch.id[-14:]}{number:08d}"
            outcome = self._desk.answer(request["params"], self._caller, message_id, around)
            line = result_line(custom_id, outcome)
            end += len(line)
            pieces.append(line)
            self._note(custom_id, outcome, end)
        with open(self._path, "ab") as lines:
            lines.write(b"".join(pieces))

    def finish(self, end: End, destination: os.PathLike[str]) -> tuple[dict[str, int], Charge, list[int]]:
        """Put the results file in its place. Returns the counts by kind, the charge, and the attempts used up."""
        if end.done < self.batch.total:
            self._cut(end)
        os.replace(self._path, destination)
        done = range(end.done)
        counts = dict.fromkeys(KINDS, 0)
        for position in done:
            counts[KINDS[self._kinds[position]]] += 1
        counts[end.rest] += self.batch.total - end.done
        paid = [position for position in done if self._charged[position]]
        charge = Charge(
            documents=[self._documents[position] for position in paid],
            custom_ids=[self._custom_ids[position] for position in paid],
            picodollars=sum(self._costs[position] for position in paid if self._costs[position] != UNPRICED),
            unpriced=sum(1 for position in paid if self._costs[position] == UNPRICED),
        )
        return counts, charge, [self._documents[position] for position in done if self._counted[position]]

    def _note(self, custom_id: str, outcome: Outcome, end: int) -> None:
        self._ends.append(end)
        self._kinds.append(KINDS.index(outcome.kind))
        self._documents.append(outcome.document)
        self._custom_ids.append(key64(self.batch.workspace, custom_id))
        self._costs.append(UNPRICED if outcome.cost is None else outcome.cost)
        self._charged.append(outcome.charged)
        self._counted.append(outcome.counts_attempt)

    def _cut(self, end: End) -> None:
        """Replace the lines of what was not done by canceled or expired ones."""
        os.truncate(self._path, self._ends[end.done - 1] if end.done else 0)
        with open(self._path, "ab") as lines:
            # The last block that has something done is read from its start: blocks are stretches of the body.
            for start in range(end.done - end.done % BLOCK, self.batch.total, BLOCK):
                numbers = self._order[max(start, end.done) : start + BLOCK]
                lines.writelines(
                    result_line(request["custom_id"], Outcome(end.rest)) for request in self._read(numbers)
                )

    def _read(self, numbers: array[int]) -> Iterator[dict[str, Any]]:
        """The requests with these numbers. A block is one stretch of the body, mostly small enough for one read."""
        starts, lengths = self._index.starts, self._index.lengths
        low = min(starts[number] for number in numbers)
        high = max(starts[number] + lengths[number] for number in numbers)
        with open(self._body_path, "rb", buffering=0) as body:
            if high - low <= MOST_READ_AT_ONCE:
                stretch = memoryview(os.pread(body.fileno(), high - low, low))
                for number in numbers:
                    start = starts[number] - low
                    yield codec.loads(stretch[start : start + lengths[number]])
                return
            for number in numbers:
                yield codec.loads(os.pread(body.fileno(), lengths[number], starts[number]))


def shuffled(total: int, seed: str) -> array[int]:
    """Another order than the input's, the same each time: blocks are shuffled, and the requests within each block."""
    chance = random.Random(seed)
    blocks = [array("I", range(start, min(start + BLOCK, total))) for start in range(0, total, BLOCK)]
    chance.shuffle(blocks)
    order = array("I")
    for block in blocks:
        chance.shuffle(block)
        order.extend(block)
    if total > 1 and all(number == position for position, number in enumerate(order)):
        order.reverse()
    return order


def result_line(custom_id: str, outcome: Outcome) -> bytes:
    head = (
        b'{"custom_id":"' + custom_id.encode() + b'","result":{"type":"' + (outcome.line_type or outcome.kind).encode()
    )
    if outcome.kind == "succeeded":
        return head + b'","message":' + outcome.body + b"}}\n"
    if outcome.kind == "errored" and not outcome.line_type:
        return head + b'","error":' + outcome.body + b"}}\n"
    return head + b'"}}\n'


def _caller_fields(text: str) -> dict[str, Any]:
    fields = codec.loads(text.encode())
    return {**fields, "betas": tuple(fields["betas"])}
