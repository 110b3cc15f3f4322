"""Reading ahead changes when an item is made, and nothing else."""

import threading
from collections.abc import Iterator

import pytest

from labeling.ahead import read_ahead


def test_the_items_come_in_their_order() -> None:
    assert list(read_ahead(range(1000))) == list(range(1000))


def test_the_next_item_is_made_while_one_is_used() -> None:
    made = threading.Event()

    def source() -> Iterator[int]:
        yield 1
        made.set()
        yield 2

    items = read_ahead(source())
    assert next(items) == 1
    assert made.wait(10)
    items.close()


def test_what_the_source_raises_reaches_the_consumer_after_the_items_before_it() -> None:
    def source() -> Iterator[int]:
        yield 1
        raise ValueError("torn")

    items = read_ahead(source())
    assert next(items) == 1
    with pytest.raises(ValueError, match="torn"):
        next(items)


def test_no_thread_is_left_when_the_consumer_stops_early() -> None:
    items = read_ahead(iter(range(10**9)))
    next(items)
    items.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "read-ahead"]


def test_only_a_bounded_number_of_items_is_made_ahead() -> None:
    made = []

    def source() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    items = read_ahead(source())
    next(items)
    for _ in range(5):
        next(items)
    assert len(made) <= 9
    items.close()
