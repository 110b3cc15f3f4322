from datetime import date
from decimal import Decimal

import pytest

from labeling.money.pricing import FREE, FROM_THE_START, PRICE_DECIMALS, SEED_PRICES, Cost, Price, PriceTable, Usage
from labeling.states import Lane

DAY = date(2026, 11, 22)
TABLE = PriceTable(SEED_PRICES)
SONNET = "claude-sonnet-4-6"
COLUMNS = ("input", "output", "cache_write_5m", "cache_write_1h", "cache_read")


def cost(model: str, usage: Usage, lane: Lane = Lane.BATCH, day: date = DAY, stop_reason: str = "end_turn") -> Cost:
    found = TABLE.cost(model, day, usage, lane, stop_reason)
    assert found is not None
    return found


def price(model: str = "m", amount: str = "1", **more: object) -> Price:
    return Price(model, **{column: Decimal(amount) for column in COLUMNS}, **more)  # type: ignore[arg-type]


def test_a_hundred_thousand_short_documents_cost_45_dollars_in_real_time_and_22_50_in_batches() -> None:
    one = Usage(input_tokens=50, output_tokens=20)
    real_time, batch = cost(SONNET, one, Lane.URGENT), cost(SONNET, one, Lane.BATCH)
    assert real_time.paid_usd * 100_000 == real_time.list_usd * 100_000 == Decimal("45.00")
    assert batch.list_usd * 100_000 == Decimal("45.00")
    assert batch.paid_usd * 100_000 == batch.saved_usd * 100_000 == Decimal("22.50")


def test_a_billion_input_tokens_at_three_dollars_save_1500_dollars() -> None:
    assert cost(SONNET, Usage(input_tokens=1_000_000_000)).saved_usd == 1500


def test_real_time_saves_nothing() -> None:
    assert cost(SONNET, Usage(50, 20), Lane.URGENT).saved_usd == 0


def test_a_lane_that_was_stored_as_a_word_pays_the_same() -> None:
    stored = TABLE.cost(SONNET, DAY, Usage(50, 20), "batch")  # type: ignore[arg-type]
    assert stored == cost(SONNET, Usage(50, 20), Lane.BATCH)


def test_a_batch_halves_every_column() -> None:
    usage = Usage(
        input_tokens=1_000_000,
        output_tokens=1_000_000,
        cache_write_5m_tokens=1_000_000,
        cache_write_1h_tokens=1_000_000,
        cache_read_tokens=1_000_000,
    )
    found = cost("claude-sonnet-5-5", usage)
    assert found.list_usd == Decimal("2") + 10 + Decimal("2.50") + 4 + Decimal("0.10")
    assert found.paid_usd == found.list_usd / 2


@pytest.mark.parametrize(
    ("tokens", "column", "usd"),
    [
        ("input_tokens", 1_000_000, "3"),
        ("output_tokens", 1_000_000, "15"),
        ("cache_write_5m_tokens", 1_000_000, "3.75"),
        ("cache_write_1h_tokens", 1_000_000, "6"),
        ("cache_read_tokens", 1_000_000, "0.30"),
    ],
)
def test_each_kind_of_token_has_its_own_price(tokens: str, column: int, usd: str) -> None:
    found = cost(SONNET, Usage(**({"input_tokens": 1} | {tokens: column})), Lane.URGENT)
    rest = Decimal("0.000003") if tokens != "input_tokens" else 0
    assert found.list_usd == Decimal(usd) + rest


def test_a_cheaper_cache_read_counts_from_its_day_on() -> None:
    usage = Usage(cache_read_tokens=1_000_000)
    assert cost("claude-sonnet-5-5", usage, day=date(2026, 10, 6)).list_usd == Decimal("0.20")
    assert cost("claude-sonnet-5-5", usage, day=date(2026, 10, 7)).list_usd == Decimal("0.10")


def test_haiku_5_5_prices_the_whole_request_higher_above_100_000_prompt_tokens() -> None:
    assert cost("claude-haiku-5-5", Usage(input_tokens=100_000)).list_usd == Decimal("0.01")
    assert cost("claude-haiku-5-5", Usage(input_tokens=100_001)).list_usd == Decimal("0.0500005")


def test_cached_tokens_count_toward_the_tier() -> None:
    found = cost("claude-haiku-5-5", Usage(input_tokens=1, cache_read_tokens=100_000))
    assert found.list_usd == Decimal("0.0000005") + Decimal("0.005")


def test_output_tokens_do_not_count_toward_the_tier() -> None:
    assert cost("claude-haiku-5-5", Usage(100_000, 50_000)).list_usd == Decimal("0.01") + Decimal("0.025")


@pytest.mark.parametrize("model", ["claude-mythos-preview", "gpt-9", ""])
def test_an_unknown_price_is_unknown_and_not_zero(model: str) -> None:
    assert TABLE.cost(model, DAY, Usage(50, 20), Lane.BATCH) is None
    assert TABLE.price(model, DAY, 50) is None


def test_a_price_is_unknown_before_its_first_day() -> None:
    table = PriceTable([price(effective_from=date(2026, 5, 1))])
    assert table.cost("m", date(2026, 4, 30), Usage(1), Lane.BATCH) is None
    assert table.cost("m", date(2026, 5, 1), Usage(1), Lane.BATCH) is not None


def test_a_tier_keeps_its_price_when_only_the_base_price_changes() -> None:
    table = PriceTable(
        [
            price(amount="1"),
            price(amount="5", above_prompt_tokens=100),
            price(amount="2", effective_from=date(2026, 6, 1)),
        ]
    )
    found = [table.price("m", date(2026, 6, 1), tokens) for tokens in (100, 101)]
    assert [row.input for row in found if row] == [2, 5]


def test_a_usage_that_counts_no_prompt_tokens_has_an_unknown_cost() -> None:
    assert TABLE.cost(SONNET, DAY, Usage.from_message({}), Lane.BATCH) is None


@pytest.mark.parametrize("model", [SONNET, "nobody-knows"])
def test_a_refusal_without_output_costs_nothing(model: str) -> None:
    assert TABLE.cost(model, DAY, Usage(50, 0), Lane.BATCH, "refusal") == FREE


def test_a_refusal_in_the_middle_of_the_output_is_charged() -> None:
    assert cost(SONNET, Usage(50, 20), stop_reason="refusal").list_usd == Decimal("0.00045")


def test_an_answer_without_output_that_is_no_refusal_is_charged() -> None:
    assert cost(SONNET, Usage(50, 0)).list_usd == Decimal("0.00015")


def test_a_whole_usage_is_read_with_its_cache_breakdown() -> None:
    usage = Usage.from_message(
        {
            "input_tokens": 42,
            "output_tokens": 61,
            "cache_creation_input_tokens": 30,
            "cache_read_input_tokens": 1536,
            "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
            "output_tokens_details": {"thinking_tokens": 45},
            "server_tool_use": None,
            "service_tier": "batch",
        }
    )
    assert usage == Usage(42, 61, 10, 20, 1536)
    assert usage.prompt_tokens == 42 + 30 + 1536


def test_cache_writes_without_a_breakdown_are_writes_for_five_minutes() -> None:
    usage = Usage.from_message({"input_tokens": 1, "output_tokens": 2, "cache_creation_input_tokens": 30})
    assert usage == Usage(1, 2, cache_write_5m_tokens=30)


@pytest.mark.parametrize("usage", [None, {}, {"input_tokens": None, "cache_creation": None}])
def test_null_and_absent_usage_keys_are_read_as_none_used(usage: dict[str, int | None] | None) -> None:
    assert Usage.from_message(usage) == Usage()


def test_every_seed_price_has_at_most_five_decimals_and_is_above_zero() -> None:
    for row in SEED_PRICES:
        for column in COLUMNS:
            amount: Decimal = getattr(row, column)
            exponent = amount.as_tuple().exponent
            assert amount > 0
            assert isinstance(exponent, int)
            assert -exponent <= PRICE_DECIMALS


def test_no_seed_price_is_listed_twice() -> None:
    keys = [(row.model, row.above_prompt_tokens, row.effective_from) for row in SEED_PRICES]
    assert len(keys) == len(set(keys))


def test_every_seeded_model_has_a_price_from_the_start() -> None:
    table = PriceTable(SEED_PRICES)
    assert all(table.price(row.model, FROM_THE_START, 1) for row in SEED_PRICES)


def test_the_smallest_and_the_largest_cost_fit_twelve_decimals_of_twenty_digits() -> None:
    finest = PriceTable([price(amount="0.00001")])
    smallest = finest.cost("m", DAY, Usage(1), Lane.BATCH)
    largest = cost("claude-fable-5", Usage(1_000_000_000, 1_000_000_000))
    assert smallest is not None
    for amount in (smallest.paid_usd, largest.list_usd):
        assert amount == amount.quantize(Decimal("1e-12"))
        assert amount < 10**8


def test_costs_of_many_odd_usages_are_exact() -> None:
    usages = [Usage(n, n * 7 % 101, n * 3 % 17, n % 5, n * 11 % 997) for n in range(1, 2000)]
    total = sum((cost("claude-opus-5-5", usage).paid_usd for usage in usages), Decimal(0))
    by_column = [
        sum(usage.input_tokens for usage in usages) * Decimal("4"),
        sum(usage.output_tokens for usage in usages) * Decimal("20"),
        sum(usage.cache_write_5m_tokens for usage in usages) * Decimal("5"),
        sum(usage.cache_write_1h_tokens for usage in usages) * Decimal("8"),
        sum(usage.cache_read_tokens for usage in usages) * Decimal("0.20"),
    ]
    assert total == sum(by_column) / 2_000_000
