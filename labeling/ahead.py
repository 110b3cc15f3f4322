"""Reading ahead: the next chunk is read and parsed while the database stores the one before. Pure."""

import threading
from collections.abc import Generator, Iterable
from queue import Empty, Full, Queue
from typing import Any, TypeVar

T = TypeVar("T")
_END = object()


def read_ahead(items: Iterable[T]) -> Generator[T, None, None]:
    """The same items in the same order, each made in a thread while the one before is being used.

    One item waits at the most, so memory stays that of three. What the source raises is raised here;
    a consumer that stops early stops the source, and no thread is left behind.
    """
    ready: Queue[Any] = Queue(maxsize=1)
    stopped = threading.Event()
    thread = threading.Thread(target=_fill, args=(items, ready, stopped), name="read-ahead", daemon=True)
    thread.start()
    try:
        while True:
            item, error = ready.get()
            if error is not None:
                raise error
            if item is _END:
                return
            yield item
    finally:
        stopped.set()
        _drain(ready)
        thread.join()


def _fill(items: Iterable[Any], ready: "Queue[Any]", stopped: threading.Event) -> None:
    try:
        for item in items:
            if not _offer(ready, (item, None), stopped):
                return
        _offer(ready, (_END, None), stopped)
    except BaseException as error:  # it belongs to whoever consumes
        _offer(ready, (None, error), stopped)


def _offer(ready: "Queue[Any]", entry: tuple[Any, BaseException | None], stopped: threading.Event) -> bool:
    """False if nobody wants it any more."""
    while not stopped.is_set():
        try:
            ready.put(entry, timeout=0.2)
            return True
        except Full:
            continue
    return False


def _drain(ready: "Queue[Any]") -> None:
    try:
        while True:
            ready.get_nowait()
    except Empty:
        return
