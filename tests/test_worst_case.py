"""The worst case of a request is never less than what an answer can cost, and exact."""

from decimal import Decimal
from random import Random

import pytest

from labeling.money.estimating import Terms
from labeling.money.pricing import SEED_PRICES, Price, PriceTable, Usage
from labeling.money.worst_case import ADDED_TOKENS, Step, worst_case
from labeling.states import Lane
from tests.test_pricing import DAY, TABLE

MODELS = sorted({price.model for price in SEED_PRICES})


def terms(model: str = "claude-sonnet-4-6", *, frame: int = 400, most: int = 64, marks: bool = False) -> Terms:
    return Terms(frame, most, TABLE.tiers(model, DAY), marks)


def test_it_is_every_byte_as_a_token_and_the_longest_answer() -> None:
    case = worst_case(terms(), Lane.URGENT)
    assert case is not None
    tokens = 400 + ADDED_TOKENS + 200
    assert case.usd(200) == (tokens * Decimal(3) + 64 * Decimal(15)) / 1_000_000


def test_a_batch_reserves_half() -> None:
    urgent, batch = worst_case(terms(), Lane.URGENT), worst_case(terms(), Lane.BATCH)
    assert urgent is not None
    assert batch is not None
    assert batch.usd(123) * 2 == urgent.usd(123)


def test_answers_that_came_bound_what_stands_around_the_document() -> None:
    case = worst_case(terms(), Lane.URGENT, average_prompt_tokens=300)
    assert case is not None
    assert case.usd(200) == (500 * Decimal(3) + 64 * Decimal(15)) / 1_000_000


def test_an_unknown_price_has_no_worst_case() -> None:
    assert worst_case(Terms(400, 64), Lane.BATCH) is None


def test_a_tier_begins_where_a_prompt_may_reach_it() -> None:
    case = worst_case(terms("claude-haiku-5-5", frame=0), Lane.URGENT)
    assert case is not None
    first = 100_000 - ADDED_TOKENS
    low, high = case.usd(first), case.usd(first + 1)
    assert low == (100_000 * Decimal("0.10") + 64 * Decimal("0.50")) / 1_000_000
    assert high == (100_001 * Decimal("0.50") + 64 * Decimal("2.50")) / 1_000_000


def test_a_tier_that_every_prompt_may_reach_is_the_only_step() -> None:
    one, nine = Decimal(1), Decimal(9)
    low = Price("m", one, one, one, one, one)
    high = Price("m", nine, nine, nine, nine, nine, above_prompt_tokens=10)
    case = worst_case(Terms(100, 1, (high, low)), Lane.URGENT)
    assert case is not None
    assert case.steps == (Step(-1, (Decimal(9) * (100 + ADDED_TOKENS) + 9) / 1_000_000, Decimal(9) / 1_000_000),)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("lane", list(Lane))
def test_no_answer_costs_more(model: str, lane: Lane) -> None:
    """Whatever part of the prompt is read from or written into the cache."""
    chance = Random(model)
    for _ in range(50):
        frame, most, text = chance.randrange(3000), chance.randrange(1, 5000), chance.randrange(2, 300_000)
        case = worst_case(terms(model, frame=frame, most=most, marks=True), lane)
        assert case is not None
        prompt = chance.randrange(1, frame + ADDED_TOKENS + text + 1)
        written, read = chance.randrange(prompt + 1), 0
        read = chance.randrange(prompt - written + 1)
        usage = Usage(prompt - written - read, chance.randrange(most + 1), written, 0, read)
        cost = PriceTable(SEED_PRICES).cost(model, DAY, usage, lane)
        assert cost is not None
        assert cost.paid_usd <= case.usd(text)
