"""What an answer costs: dated prices, token usage and the money that follows from both.

Pure: no ORM, no SDK. All money is Decimal in USD. Prices are USD per million tokens (MTok) with at
most five decimals, so every cost is exact within twelve decimals and fits numeric(20,12). An unknown
price is None, never 0.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Self

from labeling.states import Lane

BATCH_DISCOUNT = Decimal("0.5")
"""A Message Batch pays half of every column: input, output, cache writes and cache reads."""

PRICE_DECIMALS = 5
"""Most decimals of a price per MTok: with the six of a million and the one of the half they make twelve."""

FROM_THE_START = date(2025, 1, 1)
"""Effective date of the first known price of a model: nothing was sent by us before it."""

MOST_TOKENS = 500_000_000
"""No answer has more; a count beyond it is nonsense, and the sum of three still fits four bytes."""

NOTHING = Decimal(0)
_MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Price:
    """The real-time list price of one model from a day on, in USD per million tokens.

    `above_prompt_tokens` makes the row a tier: it prices the whole request when the prompt has more
    than that many tokens; cached tokens count as prompt.
    """

    model: str
    input: Decimal
    output: Decimal
    cache_write_5m: Decimal
    cache_write_1h: Decimal
    cache_read: Decimal
    above_prompt_tokens: int = 0
    effective_from: date = FROM_THE_START


@dataclass(frozen=True, slots=True)
class Usage:
    """The tokens of one answer, as the API counted them."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    cache_read_tokens: int = 0

    @classmethod
    def from_message(cls, usage: Mapping[str, Any] | None) -> Self:
        """Read the `usage` of a message; keys may be null or absent.

        Cache writes without a breakdown are writes for 5 minutes, the API's default. A count that is no
        count makes the whole usage unknown, and with it the price.
        """
        if not usage:
            return cls()
        breakdown = usage.get("cache_creation") or {}
        if not isinstance(breakdown, Mapping):
            return cls()
        counts = (
            usage.get("input_tokens") or 0,
            usage.get("output_tokens") or 0,
            usage.get("cache_creation_input_tokens") or 0,
            breakdown.get("ephemeral_5m_input_tokens") or 0,
            breakdown.get("ephemeral_1h_input_tokens") or 0,
            usage.get("cache_read_input_tokens") or 0,
        )
        for count in counts:
            if type(count) is not int or not 0 <= count <= MOST_TOKENS:
                return cls()
        input_tokens, output_tokens, written, for_5_minutes, for_an_hour, read = counts
        return cls(input_tokens, output_tokens, max(for_5_minutes, written - for_an_hour), for_an_hour, read)

    @property
    def prompt_tokens(self) -> int:
        """Every token that went in, cached or not: what the export calls input tokens."""
        return self.input_tokens + self.cache_write_5m_tokens + self.cache_write_1h_tokens + self.cache_read_tokens


@dataclass(frozen=True, slots=True)
class Cost:
    """What one answer costs at real-time prices, and what is really paid."""

    list_usd: Decimal
    paid_usd: Decimal

    @property
    def saved_usd(self) -> Decimal:
        return self.list_usd - self.paid_usd


FREE = Cost(NOTHING, NOTHING)


class PriceTable:
    """Dated prices, looked up by model, day and size of the prompt.

    Within a tier the latest price that is in effect on the day counts. Lookups are remembered: make
    a new table when prices change.
    """

    def __init__(self, prices: Iterable[Price]) -> None:
        self._prices: dict[str, list[Price]] = {}
        self._tiers: dict[tuple[str, date], tuple[_Rate, ...]] = {}
        for price in prices:
            self._prices.setdefault(price.model, []).append(price)

    def price(self, model: str, day: date, prompt_tokens: int) -> Price | None:
        """The price of a prompt of that many tokens on that day; None when nobody knows it."""
        rate = self._rate(model, day, prompt_tokens)
        return rate.price if rate else None

    def tiers(self, model: str, day: date) -> "tuple[Price, ...]":
        """The prices in effect on that day, the tier for the longest prompts first; none when nobody knows them."""
        return tuple(rate.price for rate in self._tiers_in_effect(model, day))

    def cost(self, model: str, day: date, usage: Usage, lane: Lane, stop_reason: str | None = None) -> Cost | None:
        """What an answer of a model costs; None when the price or the usage is unknown.

        A refusal before any output is not billed. A message that counts no prompt token at all did
        not tell its usage, so its cost is unknown and not 0.
        """
        if stop_reason == "refusal" and not usage.output_tokens:
            return FREE
        prompt_tokens = usage.prompt_tokens
        rate = self._rate(model, day, prompt_tokens) if prompt_tokens > 0 else None
        if rate is None:
            return None
        list_usd = rate.list_usd(usage)
        return Cost(list_usd, list_usd * BATCH_DISCOUNT if lane == Lane.BATCH else list_usd)

    def _rate(self, model: str, day: date, prompt_tokens: int) -> "_Rate | None":
        tiers = self._tiers.get((model, day))
        if tiers is None:
            tiers = self._tiers[model, day] = self._tiers_in_effect(model, day)
        for rate in tiers:
            if prompt_tokens > rate.price.above_prompt_tokens or not rate.price.above_prompt_tokens:
                return rate
        return None

    def _tiers_in_effect(self, model: str, day: date) -> "tuple[_Rate, ...]":
        latest: dict[int, Price] = {}
        for price in sorted(self._prices.get(model, ()), key=lambda price: price.effective_from):
            if price.effective_from <= day:
                latest[price.above_prompt_tokens] = price
        return tuple(_Rate(latest[above]) for above in sorted(latest, reverse=True))


class _Rate:
    """A price turned into USD per token, so that a cost is a few multiplications."""

    __slots__ = ("_input", "_output", "_read", "_write_1h", "_write_5m", "price")

    def __init__(self, price: Price) -> None:
        self.price = price
        self._input = price.input / _MILLION
        self._output = price.output / _MILLION
        self._write_5m = price.cache_write_5m / _MILLION
        self._write_1h = price.cache_write_1h / _MILLION
        self._read = price.cache_read / _MILLION

    def list_usd(self, usage: Usage) -> Decimal:
        total = self._input * usage.input_tokens + self._output * usage.output_tokens
        if usage.cache_read_tokens:
            total += self._read * usage.cache_read_tokens
        if usage.cache_write_5m_tokens:
            total += self._write_5m * usage.cache_write_5m_tokens
        if usage.cache_write_1h_tokens:
            total += self._write_1h * usage.cache_write_1h_tokens
        return total


def _price(model: str, columns: str, *, above_prompt_tokens: int = 0, effective_from: date = FROM_THE_START) -> Price:
    """A row from its five columns: input, output, 5 minute write, 1 hour write, read."""
    in_usd, out_usd, write_5m, write_1h, read = (Decimal(column) for column in columns.split())
    return Price(model, in_usd, out_usd, write_5m, write_1h, read, above_prompt_tokens, effective_from)


SEED_PRICES: tuple[Price, ...] = (
    # Models before 5.1: Anthropic's pricing page, copy of 22 August 2026.
    _price("claude-haiku-4-5", "1 5 1.25 2 0.10"),
    _price("claude-haiku-4-5-20251001", "1 5 1.25 2 0.10"),
    _price("claude-sonnet-4-5", "3 15 3.75 6 0.30"),
    _price("claude-sonnet-4-5-20250929", "3 15 3.75 6 0.30"),
    _price("claude-sonnet-4-6", "3 15 3.75 6 0.30"),
    _price("claude-opus-4-5", "5 25 6.25 10 0.50"),
    _price("claude-opus-4-5-20251101", "5 25 6.25 10 0.50"),
    _price("claude-opus-4-6", "5 25 6.25 10 0.50"),
    _price("claude-opus-4-7", "5 25 6.25 10 0.50"),
    _price("claude-opus-4-8", "5 25 6.25 10 0.50"),
    # The rise of Sonnet 5 to 3 / 15 announced for 1 September 2026 was called off.
    _price("claude-sonnet-5", "2 10 2.50 4 0.20"),
    _price("claude-opus-5", "5 25 6.25 10 0.50"),
    _price("claude-fable-5", "10 50 12.50 20 1"),
    _price("claude-mythos-5", "10 50 12.50 20 1"),
    # Models 5.1 and 5.5: Anthropic's model pages, September and October 2026.
    _price("claude-fable-5-1", "10 50 12.50 20 0.25"),
    _price("claude-mythos-5-1", "10 50 12.50 20 0.25"),
    _price("claude-opus-5-5", "4 20 5 8 0.20"),
    _price("claude-sonnet-5-5", "2 10 2.50 4 0.20"),
    # Cache reads of Sonnet 5.5 became cheaper on 7 October 2026.
    _price("claude-sonnet-5-5", "2 10 2.50 4 0.10", effective_from=date(2026, 10, 7)),
    # Haiku 5.5 prices the whole request higher when its prompt is over 100,000 tokens.
    _price("claude-haiku-5-5", "0.10 0.50 0.125 0.20 0.01"),
    _price("claude-haiku-5-5", "0.50 2.50 0.625 1 0.05", above_prompt_tokens=100_000),
    # Input and output of 5.2: Anthropic's release notes of 9 November 2026. The cache columns are
    # not from Anthropic: 5 minute write and read by third parties, 1 hour write by the usual factor 2.
    _price("claude-fable-5-2", "8 40 10 16 0.20"),
    _price("claude-mythos-5-2", "8 40 10 16 0.20"),
    # claude-mythos-preview has no known price.
)
"""Known list prices at real-time rates; operators add their own rows with later dates."""
