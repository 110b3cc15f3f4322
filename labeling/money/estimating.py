"""About how much so many documents cost, before anybody has answered them. Pure.

Tokens follow bytes: whatever has been counted or answered gives tokens per byte of a whole request (its constant
frame and its document), and that rate is laid over the documents that are asked about. Without any, a cautious
guess by length. What nobody knows stays None and is never 0.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from math import ceil

from labeling.messages.prompts import BYTES_PER_TOKEN
from labeling.money.pricing import BATCH_DISCOUNT, NOTHING, Price
from labeling.states import Basis, Way

MILLION = Decimal(1_000_000)
ONE = Decimal(1)
LEAST_FACTOR, MOST_FACTOR = Decimal("0.05"), Decimal("1.25")
"""Cache reads cost a tenth or less of the input, cache writes a quarter more: nothing outside can be the cache."""


@dataclass(frozen=True, slots=True)
class Load:
    """Documents that are paid for (no copies) and the length of their texts as JSON strings, in bytes."""

    documents: int
    encoded_bytes: int

    def __add__(self, other: "Load") -> "Load":
        return Load(self.documents + other.documents, self.encoded_bytes + other.encoded_bytes)

    def part(self, documents: int) -> "Load":
        """So many of them, of average length."""
        if not self.documents:
            return Load(documents, 0)
        return Load(documents, ceil(self.encoded_bytes * documents / self.documents))


@dataclass(frozen=True, slots=True)
class Terms:
    """What is fixed for a version: bytes around the document in its params, most tokens of an answer, its prices.

    `tiers` are the prices in effect, the tier for the longest prompts first; empty when nobody knows the price.
    """

    frame_bytes: int
    max_tokens: int
    tiers: Sequence[Price] = ()
    marks_cache: bool = False
    """Whether the constant part is marked for the prompt cache, so that writing it may be charged."""

    def price(self, prompt_tokens: int) -> Price | None:
        """The price of a request with a prompt of so many tokens."""
        for tier in self.tiers:
            if prompt_tokens > tier.above_prompt_tokens or not tier.above_prompt_tokens:
                return tier
        return None


@dataclass(frozen=True, slots=True)
class Measure:
    """What counting or answering has shown. `request_bytes` are those of frames and documents together.

    `output_tokens` None: only prompts were counted. `list_usd` None: not every answer had a known price.
    """

    basis: Basis
    requests: int
    request_bytes: int
    prompt_tokens: int
    output_tokens: int | None = None
    list_usd: Decimal | None = None

    @property
    def tells(self) -> bool:
        return self.requests > 0 and self.request_bytes > 0 and self.prompt_tokens > 0

    @property
    def tokens_per_byte(self) -> Decimal:
        return Decimal(self.prompt_tokens) / self.request_bytes

    def factor(self, terms: Terms) -> Decimal:
        """What was charged against the same tokens without a prompt cache: 1 where that is not known."""
        price = terms.price(self.prompt_tokens // max(1, self.requests))
        if price is None or self.list_usd is None or self.output_tokens is None:
            return ONE
        full = _usd(price, self.prompt_tokens, self.output_tokens)
        return min(MOST_FACTOR, max(LEAST_FACTOR, self.list_usd / full)) if full else ONE


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything known about a version; the errors are relative ones that each basis had before."""

    counted: Measure | None = None
    version: Measure | None = None
    task: Measure | None = None
    errors: Mapping[Basis, Decimal] = field(default_factory=dict)

    def of_prompts(self) -> Measure | None:
        return next((m for m in (self.counted, self.version, self.task) if m and m.tells), None)

    def of_answers(self) -> Measure | None:
        return next((m for m in (self.version, self.task) if m and m.tells and m.output_tokens is not None), None)


@dataclass(frozen=True, slots=True)
class Span:
    """A price in USD. `likely` None: only the two ends are known; all None: the price is unknown."""

    low: Decimal | None
    likely: Decimal | None
    high: Decimal | None

    @property
    def is_known(self) -> bool:
        return self.high is not None


UNKNOWN = Span(None, None, None)


@dataclass(frozen=True, slots=True)
class Estimate:
    """About what so many documents cost. Tokens in all; `output_tokens` None: up to `most_output_tokens`.

    `error` is the relative error that this basis had before, None while nothing is known about it. `real_time` is
    the price of the urgent way; batches pay half of it.
    """

    documents: int
    input_tokens: int
    output_tokens: int | None
    most_output_tokens: int
    basis: Basis
    error: Decimal | None
    real_time: Span

    @property
    def each_input(self) -> int:
        return round(self.input_tokens / max(1, self.documents))

    @property
    def each_output(self) -> int | None:
        return None if self.output_tokens is None else round(self.output_tokens / max(1, self.documents))

    def price(self, way: Way) -> Span:
        return self.real_time if way is Way.URGENT else _times(self.real_time, BATCH_DISCOUNT)


NOTHING_TO_PAY = Estimate(0, 0, 0, 0, Basis.VERSION, None, Span(NOTHING, NOTHING, NOTHING))


def estimate(load: Load, terms: Terms, evidence: Evidence) -> Estimate:
    """What the documents of a load cost under these terms, from the best evidence there is."""
    if not load.documents:
        return NOTHING_TO_PAY
    prompts, answers = evidence.of_prompts(), evidence.of_answers()
    rate = prompts.tokens_per_byte if prompts else ONE / BYTES_PER_TOKEN
    request_bytes = load.documents * terms.frame_bytes + load.encoded_bytes
    input_tokens = ceil(rate * request_bytes)
    most = load.documents * terms.max_tokens
    output_tokens = _output(load.documents, answers, most)
    basis = prompts.basis if prompts else Basis.LENGTH
    error = evidence.errors.get(basis) if output_tokens is not None else None
    price = terms.price(input_tokens // load.documents)
    factor = answers.factor(terms) if answers else ONE
    span = _span(price, input_tokens, output_tokens, most, factor, error) if price else UNKNOWN
    return Estimate(load.documents, input_tokens, output_tokens, most, basis, error, span)


def together(estimates: Iterable[Estimate]) -> Estimate:
    """A sum; what is unknown of one part is unknown of the whole, and the whole is as sure as its least sure part."""
    parts = [part for part in estimates if part.documents]
    if not parts:
        return NOTHING_TO_PAY
    outputs = [part.output_tokens for part in parts]
    errors = [part.error for part in parts]
    least_sure = max((part.basis for part in parts), key=list(Basis).index)
    return Estimate(
        documents=sum(part.documents for part in parts),
        input_tokens=sum(part.input_tokens for part in parts),
        output_tokens=None if None in outputs else sum(n or 0 for n in outputs),
        most_output_tokens=sum(part.most_output_tokens for part in parts),
        basis=least_sure,
        error=None if None in errors else max(error or NOTHING for error in errors),
        real_time=add_spans(part.real_time for part in parts),
    )


def add_spans(spans: Iterable[Span]) -> Span:
    """One unknown amount makes the sum unknown; nothing at all costs nothing."""
    parts = list(spans)
    return Span(_sum(s.low for s in parts), _sum(s.likely for s in parts), _sum(s.high for s in parts))


def _output(documents: int, answers: Measure | None, most: int) -> int | None:
    if answers is None or answers.output_tokens is None:
        return None
    return min(most, ceil(Decimal(answers.output_tokens) * documents / answers.requests))


def _span(
    price: Price, input_tokens: int, output_tokens: int | None, most: int, factor: Decimal, error: Decimal | None
) -> Span:
    """Without a known error the ends are those that cannot be wrong by the answers: none at all, and all cut off."""
    low, high = _usd(price, input_tokens, 0) * factor, _usd(price, input_tokens, most) * factor
    if output_tokens is None:
        return Span(low, None, high)
    likely = _usd(price, input_tokens, output_tokens) * factor
    if error is None:
        return Span(low, likely, high)
    return Span(likely * max(NOTHING, ONE - error), likely, likely * (ONE + error))


def _usd(price: Price, input_tokens: int, output_tokens: int) -> Decimal:
    return (price.input * input_tokens + price.output * output_tokens) / MILLION


def _times(span: Span, factor: Decimal) -> Span:
    return Span(*(None if part is None else part * factor for part in (span.low, span.likely, span.high)))


def _sum(parts: Iterable[Decimal | None]) -> Decimal | None:
    total = NOTHING
    for part in parts:
        if part is None:
            return None
        total += part
    return total
