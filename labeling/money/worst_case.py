"""The most that one request can cost: what a money limit reserves before anything is sent. Pure.

A token is at least one byte of UTF-8, and a text encoded as a JSON string is never shorter than the text. So the
document costs at most a token for each of its encoded bytes, and the answer at most max_tokens. What stands around
the document costs at most its bytes and what the API adds to it; where the version has answers, it cannot be more
than the average prompt of those, which holds it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from labeling.money.estimating import MILLION, Terms
from labeling.money.pricing import BATCH_DISCOUNT
from labeling.states import Lane

ADDED_TOKENS = 1024
"""Tokens that the API adds to a prompt by itself, for a structured answer for example. It publishes no number."""


@dataclass(frozen=True, slots=True)
class Step:
    """For texts of more than `above_bytes`: USD for a request, and USD for each encoded byte of its text."""

    above_bytes: int
    request_usd: Decimal
    byte_usd: Decimal

    def usd(self, encoded_bytes: int) -> Decimal:
        return self.request_usd + self.byte_usd * encoded_bytes


@dataclass(frozen=True, slots=True)
class WorstCase:
    """Of a request of one version in one lane; the steps with the longest texts first."""

    steps: tuple[Step, ...]

    def usd(self, encoded_bytes: int) -> Decimal:
        return next(step.usd(encoded_bytes) for step in self.steps if encoded_bytes > step.above_bytes)


def worst_case(terms: Terms, lane: Lane, *, average_prompt_tokens: int | None = None) -> WorstCase | None:
    """None where the price is unknown: nobody can reserve that.

    `average_prompt_tokens`, rounded up, is that of the answers that the version has had.
    """
    around = terms.frame_bytes + ADDED_TOKENS
    if average_prompt_tokens is not None:
        around = min(around, average_prompt_tokens)
    steps = tuple(_steps(terms, around, BATCH_DISCOUNT if lane is Lane.BATCH else Decimal(1)))
    return WorstCase(steps) if steps else None


def _steps(terms: Terms, around: int, share: Decimal) -> Iterator[Step]:
    """A tier may begin at any length: a prompt of `around` and the text's bytes is the longest it can be.

    A cheaper tier for longer prompts would not be reached surely, so each step takes the dearest up to its length.
    """
    input_usd = output_usd = Decimal(0)
    found: list[Step] = []
    for tier in reversed(terms.tiers):
        input_usd = max(input_usd, tier.input, tier.cache_write_5m if terms.marks_cache else tier.input)
        output_usd = max(output_usd, tier.output)
        request = (input_usd * around + output_usd * terms.max_tokens) * share / MILLION
        above = max(-1, tier.above_prompt_tokens - around) if tier.above_prompt_tokens else -1
        if found and found[-1].above_bytes == above:
            found.pop()
        found.append(Step(above, request, input_usd * share / MILLION))
    yield from reversed(found)
