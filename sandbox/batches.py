"""The life of a batch: accepted, in_progress, perhaps canceling, ended, archived, deleted; and the worker behind it."""

from __future__ import annotations

import sys
import threading
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sandbox import codec
from sandbox.account import Account
from sandbox.answers import AnswerDesk
from sandbox.behavior import Behavior
from sandbox.clock import Clock, rfc3339
from sandbox.errors import invalid, not_found
from sandbox.ids import random_id
from sandbox.press import Press
from sandbox.splitting import RequestIndex
from sandbox.store import FOREVER, BatchRow, Store
from sandbox.timeline import archived_at, end_of, expires_at
from sandbox.validation import Caller

# How long a call waits for the results of a batch whose time has come; only a very large batch needs any of it.
SETTLE_SECONDS = 5.0
LONGEST_NAP = 1.0


class Batches:
    """All public methods are safe to call from several threads and see only the batches of one workspace."""

    def __init__(self, store: Store, account: Account, desk: AnswerDesk, behavior: Behavior, clock: Clock) -> None:
        self._store = store
        self._account = account
        self._desk = desk
        self._behavior = behavior
        self._clock = clock
        self.accepting = threading.Lock()
        self._changed = threading.Condition()
        self._stopping = False
        self._news = False
        self._presses: dict[str, Press] = {}
        self._given_up: set[str] = set()
        self._worker = threading.Thread(target=self._work, name="batches", daemon=True)

    def start(self) -> None:
        self._worker.start()

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._worker.join(timeout=5)

    def wake(self) -> None:
        """Look again: the clock, a switch or a batch has changed."""
        with self._changed:
            self._news = True
            self._changed.notify_all()

    def accept(
        self, workspace: str, spooled: Path, index: RequestIndex, caller: Caller, *, is_foreign: bool = False
    ) -> BatchRow:
        """Commit a new batch; when this returns it exists, whatever happens to the process."""
        switches = self._behavior.switches
        batch = BatchRow(
            number=0,
            id=random_id("msgbatch"),
            workspace=workspace,
            is_foreign=int(is_foreign),
            total=len(index),
            created=self._clock.now(),
            seconds=switches.seconds_per_batch,
            caller=codec.dumps(asdict(caller)).decode(),
            rates=codec.dumps({} if is_foreign else switches.rates).decode(),
            cancel_initiated=None,
            ended=None,
            succeeded=0,
            errored=0,
            canceled=0,
            expired=0,
            is_deleted=0,
        )
        self._store.accept(batch, spooled, index)
        self.wake()
        return batch

    def get(self, workspace: str, batch_id: str) -> BatchRow:
        """As it is now. Raises the API's 404 for an unknown or deleted batch and for another workspace's."""
        batch = self._store.batch(batch_id)
        if batch is None or batch.is_deleted or batch.workspace != workspace:
            raise not_found(f"Message Batch {batch_id} not found.")
        return self._settled(batch)

    def page(
        self, workspace: str, limit: int, after_id: str | None, before_id: str | None, hidden_seconds: float = 0
    ) -> dict[str, Any]:
        """Newest first; `after_id` goes on to older ones, `before_id` back to newer ones. Batches younger than
        `hidden_seconds` are left out."""
        until = self._clock.now() - round(hidden_seconds * 1_000_000) if hidden_seconds else FOREVER
        if before_id is not None:
            rows = self._store.next_newer(workspace, limit + 1, self._place(workspace, before_id), until)
            more, rows = len(rows) > limit, list(reversed(rows[:limit]))
        else:
            place = self._place(workspace, after_id) if after_id is not None else None
            rows = self._store.newest(workspace, limit + 1, place, until)
            more, rows = len(rows) > limit, rows[:limit]
        rows = [self._settled(row) for row in rows]
        return {
            "data": rows,
            "has_more": more,
            "first_id": rows[0].id if rows else None,
            "last_id": rows[-1].id if rows else None,
        }

    def cancel(self, workspace: str, batch_id: str) -> BatchRow:
        """Idempotent while canceling; once the batch has ended an error, or by a switch the batch as it is."""
        batch = self.get(workspace, batch_id)
        if batch.ended is not None and self._behavior.switches.cancel_after_end == "unchanged":
            return batch
        if batch.ended is not None:
            raise invalid(f"Message Batch {batch_id} has already ended and cannot be canceled.")
        self._store.begin_cancel(batch_id, self._clock.now())
        self.wake()
        return self._fresh(batch)

    def delete(self, workspace: str, batch_id: str) -> None:
        batch = self.get(workspace, batch_id)
        if batch.ended is None:
            raise invalid(f"Message Batch {batch_id} is still being processed: cancel it before deleting it.")
        self._store.delete(batch_id)

    def results_path(self, workspace: str, batch_id: str) -> Path:
        batch = self.get(workspace, batch_id)
        if batch.ended is None:
            raise not_found(f"Message Batch {batch_id} has no available results.")
        if self.is_archived(batch):
            raise not_found(f"The results of Message Batch {batch_id} are no longer available.")
        return self._store.results_path(batch_id)

    def is_archived(self, batch: BatchRow) -> bool:
        return self._clock.now() >= archived_at(batch)

    def as_json(self, batch: BatchRow, base_url: str) -> dict[str, Any]:
        """The Message Batch object, all ten keys; until the end every request counts as processing."""
        ended, archived = batch.ended is not None, self.is_archived(batch)
        status = "ended" if ended else "in_progress" if batch.cancel_initiated is None else "canceling"
        results_url = f"{base_url}/v1/messages/batches/{batch.id}/results"
        return {
            "id": batch.id,
            "type": "message_batch",
            "processing_status": status,
            "request_counts": {
                "processing": 0 if ended else batch.total,
                "succeeded": batch.succeeded,
                "errored": batch.errored,
                "canceled": batch.canceled,
                "expired": batch.expired,
            },
            "created_at": rfc3339(batch.created),
            "expires_at": rfc3339(expires_at(batch)),
            "ended_at": rfc3339(batch.ended),
            "archived_at": rfc3339(archived_at(batch)) if ended and archived else None,
            "cancel_initiated_at": rfc3339(batch.cancel_initiated),
            "results_url": results_url if ended and not archived else None,
        }

    def _place(self, workspace: str, batch_id: str) -> int:
        batch = self._store.batch(batch_id)
        if batch is None or batch.workspace != workspace:
            raise invalid(f"No Message Batch has the id {batch_id}.")
        return batch.number

    def _fresh(self, batch: BatchRow) -> BatchRow:
        return self._store.batch(batch.id) or batch

    def _settled(self, batch: BatchRow) -> BatchRow:
        """The row after its end, if its end has come; waits for the worker where necessary."""
        if batch.ended is not None or self._clock.now() < end_of(batch, self._behavior.switches).at:
            return batch
        self.wake()
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._fresh(batch).ended is not None, SETTLE_SECONDS)
        return self._fresh(batch)

    def _work(self) -> None:
        """The worker: end what is due, else make results for the batch that is due next, else sleep."""
        while not self._stopping:
            self._news = False
            batches = [row for row in self._store.open_batches() if row.id not in self._given_up]
            if not self._one_thing(batches):
                with self._changed:
                    if not self._stopping and not self._news:
                        self._changed.wait(self._nap(batches))

    def _one_thing(self, batches: list[BatchRow]) -> bool:
        """False if there is nothing to do now."""
        switches, now = self._behavior.switches, self._clock.now()
        for batch in sorted(batches, key=lambda row: end_of(row, switches).at):
            press = self._presses.get(batch.id)
            is_complete = press is not None and press.is_complete
            if is_complete and end_of(batch, switches).at > now:
                continue
            try:
                self._end(batch) if is_complete else self._press(batch, now)
            except Exception:  # one batch that cannot be answered must not stop all the others
                traceback.print_exc(file=sys.stderr)
                self._given_up.add(batch.id)
            return True
        return False

    def _press(self, batch: BatchRow, now: int) -> None:
        press = self._presses.get(batch.id)
        if press is None:
            press = self._presses[batch.id] = Press(batch, self._store, self._desk)
        press.step(now)

    def _end(self, batch: BatchRow) -> None:
        """Results in place, charges committed, then the row: each step may be repeated after a crash."""
        press = self._presses.pop(batch.id)
        end = end_of(batch, self._behavior.switches)
        counts, charge, attempted = press.finish(end, self._store.results_path(batch.id))
        if not batch.is_foreign:
            self._account.charge_batch(batch.id, charge)
        self._store.end(batch.id, end.at, counts, attempted)
        with self._changed:
            self._changed.notify_all()
        self._store.remove_body(batch.id)

    def _nap(self, batches: list[BatchRow]) -> float:
        switches, now = self._behavior.switches, self._clock.now()
        ends = [end_of(batch, switches).at for batch in batches]
        return min([LONGEST_NAP, *(max(0.001, (end - now) / 1_000_000) for end in ends)])
