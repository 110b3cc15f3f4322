"""A room is shared so that nobody has less who could have more without somebody poorer paying for it."""

import random

import pytest

from labeling.shares import first_ones, water_filling

CASES = [random.Random(seed) for seed in range(80)]


def a_case(chance: random.Random) -> tuple[int, list[int]]:
    wanted = [
        chance.choice((0, 1, 3, chance.randrange(50), chance.randrange(100_000))) for _ in range(chance.randrange(9))
    ]
    return chance.randrange(0, max(2, 2 * sum(wanted))), wanted


@pytest.mark.parametrize("chance", CASES)
def test_nobody_gets_more_than_wanted_and_nothing_of_the_room_stays_empty(chance: random.Random) -> None:
    room, wanted = a_case(chance)
    given = water_filling(room, wanted)
    assert len(given) == len(wanted)
    assert all(0 <= got <= want for got, want in zip(given, wanted, strict=True))
    assert sum(given) == min(room, sum(wanted))


@pytest.mark.parametrize("chance", CASES)
def test_who_got_less_than_wanted_has_at_most_one_less_than_anybody(chance: random.Random) -> None:
    room, wanted = a_case(chance)
    given = water_filling(room, wanted)
    short = [got for got, want in zip(given, wanted, strict=True) if got < want]
    assert all(got >= max(given) - 1 for got in short)


@pytest.mark.parametrize("chance", CASES)
def test_of_equals_the_first_has_no_less(chance: random.Random) -> None:
    room, wanted = a_case(chance)
    given = water_filling(room, wanted)
    for (got, want), (got_later, want_later) in zip(
        zip(given, wanted, strict=True), list(zip(given, wanted, strict=True))[1:], strict=False
    ):
        assert want != want_later or got >= got_later


@pytest.mark.parametrize(
    ("room", "wanted", "given"),
    [
        (10, [100, 2, 3], [5, 2, 3]),
        (10, [100, 100, 100], [4, 3, 3]),
        (10, [1, 2, 3], [1, 2, 3]),
        (1, [5, 5], [1, 0]),
        (0, [5, 5], [0, 0]),
        (-3, [5], [0]),
        (5, [], []),
    ],
)
def test_small_ones_go_wholly_and_large_ones_share_the_rest(room: int, wanted: list[int], given: list[int]) -> None:
    assert water_filling(room, wanted) == given


def test_a_room_takes_the_shares_in_their_order() -> None:
    assert first_ones({7: 3, 2: 0, 9: 5}, 6) == {7: 3, 9: 3}
    assert first_ones({7: 3}, 0) == {}
