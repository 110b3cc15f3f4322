"""What was paid and what it would have cost: frozen on each result, summed in the same transaction."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import Sum

from labeling.health import status
from labeling.models import Batch, Document, ModelPrice, Result, SpendTally
from labeling.pipeline import ingest, submit, urgent
from labeling.states import Lane, Way
from labeling.transitions import tallies
from labeling.transitions.again import label_again
from tests.fake_api import FakeApi, errored, expired, succeeded
from tests.pipeline.story import a_version, anew, at, brought_in, built, played, polled, setting, texts

pytestmark = pytest.mark.usefixtures("house")

FREE = Decimal(0)
RED = '{"label":"red"}'


def paid(**columns: Any) -> tuple[Decimal, Decimal]:
    sums = SpendTally.objects.filter(**columns).aggregate(list_usd=Sum("list_usd"), paid_usd=Sum("paid_usd"))
    return sums["list_usd"] or Decimal(0), sums["paid_usd"] or Decimal(0)


def test_a_batch_pays_half_of_what_real_time_costs(fake: FakeApi) -> None:
    brought_in(a_version(model="claude-sonnet-4-5"), texts(4))
    (batch,) = played(fake)
    assert (batch.list_usd, batch.paid_usd) == (4 * Decimal("0.00045"), 4 * Decimal("0.000225"))
    assert set(Result.objects.values_list("list_usd", "paid_usd")) == {(Decimal("0.00045"), Decimal("0.000225"))}
    assert (batch.input_tokens, batch.output_tokens) == (200, 80)


def test_the_example_of_the_field_is_half_as_expensive_through_the_real_booking(fake: FakeApi) -> None:
    """100,000 documents of 50 and 20 tokens at $3 and $15 per million: $45.00 and $22.50; here a thousandth of them."""
    brought_in(a_version(model="claude-sonnet-4-5"), texts(100))
    played(fake)
    list_usd, paid_usd = paid()
    assert (1000 * list_usd, 1000 * paid_usd) == (Decimal("45.00"), Decimal("22.50"))
    assert status.money()["saved_usd"] == str(list_usd - paid_usd)


def test_an_urgent_call_pays_the_whole_price(fake: FakeApi) -> None:
    brought_in(a_version(), texts(3), way=Way.URGENT)
    urgent.drain(setting())
    assert paid(lane=Lane.URGENT) == (3 * Decimal("0.00015"), 3 * Decimal("0.00015"))
    assert paid(lane=Lane.BATCH) == (FREE, FREE)


def test_money_is_frozen_at_the_price_of_the_day_the_batch_was_created(
    monkeypatch: pytest.MonkeyPatch, fake: FakeApi
) -> None:
    eve = datetime(2026, 6, 1, 23, 0, tzinfo=UTC)
    ModelPrice.objects.create(
        model="claude-haiku-4-5", effective_from=date(2026, 6, 2), input=10, output=50, cache_write_5m=1,
        cache_write_1h=1, cache_read=1,
    )  # fmt: skip
    brought_in(a_version(), texts(2))
    at(monkeypatch, eve)
    (batch,) = built()
    submit.submit(batch, setting())
    Batch.objects.update(created_at=eve)
    fake.batches["msgbatch_000001"] = fake.batches["msgbatch_000001"].__class__(
        **{name: getattr(fake.batches["msgbatch_000001"], name) for name in fake.batches["msgbatch_000001"].__slots__}
        | {"created_at": eve}
    )
    fake.end()
    at(monkeypatch, datetime(2026, 6, 3, 9, 0, tzinfo=UTC))
    polled()
    assert ingest.ingest(anew(batch), setting())
    assert paid(day=date(2026, 6, 1)) == (2 * Decimal("0.00015"), Decimal("0.00015"))
    ModelPrice.objects.filter(model="claude-haiku-4-5", effective_from=date(2026, 6, 2)).update(input=99)
    assert set(Result.objects.values_list("paid_usd", flat=True)) == {Decimal("0.000075")}


def test_the_day_of_money_is_that_of_the_zone(monkeypatch: pytest.MonkeyPatch, fake: FakeApi) -> None:
    at(monkeypatch, datetime(2026, 11, 21, 23, 30, tzinfo=UTC))
    brought_in(a_version(), ["a"], way=Way.URGENT)
    urgent.drain(setting(time_zone="Europe/Berlin"))
    assert SpendTally.objects.get().day == date(2026, 11, 22)


def test_sums_are_kept_by_day_task_model_and_account(fake: FakeApi) -> None:
    one, two = a_version("one"), a_version("two", model="claude-sonnet-4-5")
    brought_in(one, ["a", "b"])
    brought_in(two, ["a"])
    batches = played(fake)
    assert paid(version__task=one.task) == (Decimal("0.0003"), Decimal("0.00015"))
    assert paid(model="claude-sonnet-4-5") == (Decimal("0.00045"), Decimal("0.000225"))
    assert paid(account=batches[0].account) == paid()
    assert paid(day=batches[0].created_at.date()) == paid()  # type: ignore[union-attr]


def test_an_unknown_price_is_unknown_and_never_0(fake: FakeApi) -> None:
    brought_in(a_version(model="claude-of-tomorrow"), texts(2))
    (batch,) = played(fake)
    assert set(Result.objects.values_list("list_usd", "paid_usd")) == {(None, None)}
    assert (batch.unpriced_results, status.money()["unpriced_results"]) == (2, 2)
    assert SpendTally.objects.get().unpriced == 2


def test_an_answer_without_usage_has_no_known_price(fake: FakeApi) -> None:
    brought_in(a_version(), ["a"])
    fake.answers.append(succeeded(RED, input_tokens=0, output_tokens=0))
    played(fake)
    assert Result.objects.get().paid_usd is None


def test_a_refusal_before_any_output_costs_0_and_one_after_it_is_paid(fake: FakeApi) -> None:
    brought_in(a_version(), texts(2))
    fake.answers.append(succeeded("", stop_reason="refusal", output_tokens=0))
    fake.answers.append(succeeded("I rather not", stop_reason="refusal", output_tokens=20))
    played(fake)
    assert list(Result.objects.order_by("pk").values_list("paid_usd", flat=True)) == [0, Decimal("0.000075")]
    assert SpendTally.objects.get().wasted_usd == Decimal("0.000075")


@pytest.mark.parametrize(
    "answer", [succeeded('{"label":"re', stop_reason="max_tokens"), succeeded('{"label":"purple"}'), succeeded("?")]
)
def test_an_answer_that_is_useless_was_paid_all_the_same(fake: FakeApi, answer: dict[str, Any]) -> None:
    brought_in(a_version(), ["a"])
    fake.answers.append(answer)
    played(fake)
    assert paid() == (Decimal("0.00015"), Decimal("0.000075"))
    assert SpendTally.objects.get().wasted_usd == Decimal("0.000075")


def test_a_label_in_whose_place_a_newer_one_came_was_paid_for_nothing(fake: FakeApi) -> None:
    brought_in(a_version(), ["a", "b"])
    played(fake)
    label_again(Document.objects.filter(content__text="a"), Way.NOW)
    played(fake)
    (waste,) = SpendTally.objects.exclude(superseded_usd=0)
    assert waste.superseded_usd == waste.wasted_usd == Result.objects.order_by("pk")[0].paid_usd
    label_again(Document.objects.filter(content__text="b"), Way.NOW)
    fake.answers.append(succeeded("nonsense"))
    played(fake)
    assert SpendTally.objects.aggregate(n=Sum("superseded_usd"))["n"] == waste.superseded_usd


@pytest.mark.parametrize("answer", [errored("api_error"), errored("invalid_request_error"), expired()])
def test_what_was_not_processed_costs_nothing(fake: FakeApi, answer: dict[str, Any]) -> None:
    brought_in(a_version(), ["a"])
    fake.answers.append(answer)
    played(fake)
    assert paid() == (FREE, FREE)
    assert Result.objects.get().paid_usd == 0


def test_cached_tokens_are_priced_as_such(fake: FakeApi) -> None:
    brought_in(a_version(), ["a"])
    fake.answers.append(
        succeeded(RED, input_tokens=10, output_tokens=0, cache_read_input_tokens=1000, cache_creation_input_tokens=100)
    )
    played(fake)
    expected = (10 * Decimal(1) + 1000 * Decimal("0.10") + 100 * Decimal("1.25")) / 1_000_000
    assert paid() == (expected, expected / 2)
    assert SpendTally.objects.get().prompt_tokens == 1110


def test_folding_the_tallies_changes_no_sum(fake: FakeApi) -> None:
    for number in range(3):
        brought_in(a_version(), texts(2, f"round {number}"))
        played(fake)
    before = (status.money(), status.status()["documents"], status.status()["requests"])
    tallies.fold()
    assert SpendTally.objects.count() == 1
    assert (status.money(), status.status()["documents"], status.status()["requests"]) == before
