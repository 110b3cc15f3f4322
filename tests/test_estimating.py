"""Estimates: arithmetic that can be checked by hand, and what is not known stays unknown."""

from decimal import Decimal

import pytest

from labeling.money.estimating import (
    NOTHING_TO_PAY,
    UNKNOWN,
    Evidence,
    Load,
    Measure,
    Terms,
    estimate,
    together,
)
from labeling.money.pricing import Price
from labeling.states import Basis, Way


def price(in_usd: str = "3", out_usd: str = "15", **more: int) -> Price:
    columns = dict.fromkeys(("cache_write_5m", "cache_write_1h", "cache_read"), Decimal(0))
    return Price("m", Decimal(in_usd), Decimal(out_usd), **columns, **more)  # type: ignore[arg-type]


TERMS = Terms(frame_bytes=100, max_tokens=64, tiers=(price(),))
THOUSAND = Load(1000, 100_000)


def answered(basis: Basis = Basis.VERSION, **columns: object) -> Measure:
    """Ten answers of 50 input and 20 output tokens to requests of 200 bytes: a quarter of a token for each byte."""
    return Measure(**{  # type: ignore[arg-type]
        "basis": basis, "requests": 10, "request_bytes": 2000, "prompt_tokens": 500, "output_tokens": 200, **columns
    })  # fmt: skip


def test_the_example_of_the_field_comes_out_of_an_estimate() -> None:
    found = estimate(Load(100_000, 10_000_000), TERMS, Evidence(version=answered()))
    assert (found.input_tokens, found.output_tokens) == (5_000_000, 2_000_000)
    assert found.price(Way.URGENT).likely == Decimal("45.00")
    assert found.price(Way.TONIGHT).likely == found.price(Way.NOW).likely == Decimal("22.50")


def test_longer_texts_cost_more_and_the_frame_is_paid_with_each() -> None:
    evidence = Evidence(version=answered())
    short = estimate(Load(10, 0), TERMS, evidence)
    long = estimate(Load(10, 4000), TERMS, evidence)
    assert (short.input_tokens, long.input_tokens) == (250, 1250)


def test_a_counted_sample_says_the_input_and_the_answers_say_the_output() -> None:
    sample = Measure(Basis.COUNTED, requests=2, request_bytes=400, prompt_tokens=200)
    found = estimate(THOUSAND, TERMS, Evidence(counted=sample, version=answered()))
    assert (found.basis, found.input_tokens, found.output_tokens) == (Basis.COUNTED, 100_000, 20_000)


def test_without_answers_the_price_is_a_range_up_to_max_tokens() -> None:
    found = estimate(THOUSAND, TERMS, Evidence(counted=Measure(Basis.COUNTED, 2, 400, 200)))
    assert found.output_tokens is None
    assert found.real_time.likely is None
    assert found.real_time.low == Decimal("0.3")
    assert found.real_time.high == Decimal("0.3") + 1000 * 64 * 15 / Decimal(1_000_000)


def test_with_nothing_known_the_length_of_the_texts_is_a_cautious_guess() -> None:
    found = estimate(Load(1, 200), TERMS, Evidence())
    assert (found.basis, found.input_tokens, found.error) == (Basis.LENGTH, 100, None)


def test_the_version_is_believed_before_the_task_and_no_answers_say_nothing() -> None:
    task = answered(Basis.TASK, prompt_tokens=5000)
    assert estimate(THOUSAND, TERMS, Evidence(version=answered(), task=task)).basis is Basis.VERSION
    assert estimate(THOUSAND, TERMS, Evidence(version=answered(requests=0), task=task)).basis is Basis.TASK


def test_an_answer_is_never_taken_for_longer_than_max_tokens() -> None:
    found = estimate(Load(10, 0), TERMS, Evidence(version=answered(output_tokens=200_000)))
    assert found.output_tokens == found.most_output_tokens == 640


@pytest.mark.parametrize("way", list(Way))
def test_an_unknown_price_is_unknown_and_not_nothing(way: Way) -> None:
    found = estimate(THOUSAND, Terms(100, 64), Evidence(version=answered()))
    assert found.input_tokens
    assert found.price(way) == UNKNOWN
    assert not found.real_time.is_known


def test_the_tier_for_long_prompts_counts() -> None:
    terms = Terms(0, 1, (price("30", above_prompt_tokens=100), price("3")))
    assert estimate(Load(1, 300), terms, Evidence()).real_time.low == Decimal(300) / 1_000_000
    assert estimate(Load(1, 303), terms, Evidence()).real_time.low == Decimal(30 * 101) / 1_000_000


def test_what_the_prompt_cache_spared_before_it_spares_again() -> None:
    full = (500 * Decimal(3) + 200 * Decimal(15)) / 1_000_000
    whole = estimate(THOUSAND, TERMS, Evidence(version=answered(list_usd=full))).real_time.likely
    spared = estimate(THOUSAND, TERMS, Evidence(version=answered(list_usd=full / 2))).real_time.likely
    assert whole is not None
    assert spared == whole / 2


def test_the_error_of_the_past_makes_the_range() -> None:
    errors = {Basis.VERSION: Decimal("0.1")}
    found = estimate(THOUSAND, TERMS, Evidence(version=answered(), errors=errors))
    span = found.real_time
    assert span.low is not None
    assert span.likely is not None
    assert span.high is not None
    assert (span.low, span.high) == (span.likely * Decimal("0.9"), span.likely * Decimal("1.1"))
    assert found.error == Decimal("0.1")


def test_without_a_known_error_the_range_is_what_the_answers_cannot_exceed() -> None:
    span = estimate(THOUSAND, TERMS, Evidence(version=answered())).real_time
    assert span.low is not None
    assert span.likely is not None
    assert span.high is not None
    assert span.low < span.likely < span.high


def test_nothing_to_send_costs_nothing() -> None:
    assert estimate(Load(0, 0), Terms(100, 64), Evidence()) == NOTHING_TO_PAY
    assert together([]) == NOTHING_TO_PAY


def test_a_sum_is_as_unsure_as_its_least_sure_part() -> None:
    sure = estimate(THOUSAND, TERMS, Evidence(version=answered()))
    guessed = estimate(THOUSAND, TERMS, Evidence())
    unpriced = estimate(THOUSAND, Terms(100, 64), Evidence())
    both = together([sure, sure])
    assert (both.documents, both.real_time.likely) == (2000, 2 * (sure.real_time.likely or 0))
    assert (together([sure, guessed]).basis, together([sure, guessed]).real_time.likely) == (Basis.LENGTH, None)
    assert together([sure, unpriced]).real_time == UNKNOWN
    assert together([sure, estimate(Load(0, 0), Terms(100, 64), Evidence())]) == sure


def test_a_part_of_a_load_has_the_average_length() -> None:
    assert Load(10, 1000).part(3) == Load(3, 300)
    assert Load(0, 0).part(3) == Load(3, 0)
    assert Load(1, 2) + Load(3, 4) == Load(4, 6)
