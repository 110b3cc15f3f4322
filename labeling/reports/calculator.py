"""What a month costs in real time and in batches. Pure; prices in USD per million tokens."""

from dataclasses import dataclass
from decimal import Decimal

from labeling.money.pricing import BATCH_DISCOUNT

MILLION = Decimal(1_000_000)
MONTHS = 12


@dataclass(frozen=True, slots=True)
class Question:
    """Tokens are of one document; `urgent_percent` of them go in real time. A budget replaces the documents."""

    documents: int
    input_tokens: int
    output_tokens: int
    instruction_tokens: int
    input_usd: Decimal
    output_usd: Decimal
    urgent_percent: int = 0
    budget_usd: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """USD a month. `documents_for_budget` is how many documents the budget buys, in real time and in this mix."""

    real_time_usd: Decimal
    batch_usd: Decimal
    mix_usd: Decimal
    documents_for_budget: tuple[int, int] | None

    @property
    def saved_usd(self) -> Decimal:
        return self.real_time_usd - self.mix_usd

    @property
    def saved_a_year_usd(self) -> Decimal:
        return self.saved_usd * MONTHS


def calculate(question: Question) -> Answer:
    each = _each(question)
    urgent = Decimal(question.urgent_percent) / 100
    factor = urgent + (1 - urgent) * BATCH_DISCOUNT
    real_time = question.budget_usd if question.budget_usd is not None else each * question.documents
    bought = None
    if question.budget_usd is not None and each:
        bought = (int(question.budget_usd / each), int(question.budget_usd / (each * factor)))
    return Answer(real_time, real_time * BATCH_DISCOUNT, real_time * factor, bought)


def _each(question: Question) -> Decimal:
    """Real-time price of one document."""
    tokens_in = question.input_tokens + question.instruction_tokens
    return (tokens_in * question.input_usd + question.output_tokens * question.output_usd) / MILLION
