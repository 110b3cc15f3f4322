"""Money on the pages: savings, the calculator, labels against gold."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone

from labeling.models import SpendTally
from labeling.reports.accuracy import wilson
from labeling.reports.calculator import Question, calculate
from labeling.states import Lane
from tests.factories import (
    make_account,
    make_document,
    make_request,
    make_result,
    make_upload,
    make_version,
)
from tests.web.reading import see


def spend(**columns: object) -> None:
    values = {
        "day": timezone.now().date(), "version": make_version(), "model": "claude-haiku-5-5", "lane": Lane.BATCH,
        "account": make_account(), "results": 10, "usable": 9, "unpriced": 0, "prompt_tokens": 500,
        "output_tokens": 200, "list_usd": Decimal(10), "paid_usd": Decimal(5), "wasted_usd": Decimal("0.5"),
    }  # fmt: skip
    SpendTally.objects.create(**{**values, **columns})


def test_savings_are_the_difference_and_urgent_calls_save_nothing(viewer: Client) -> None:
    spend()
    spend(lane=Lane.URGENT, list_usd=Decimal(2), paid_usd=Decimal(2), wasted_usd=Decimal(0))
    seen = see(viewer, "/savings/")
    assert "$5.00 saved, 41.6% below the real-time price" in seen
    assert "$5.00 batch, $2.00 urgent" in seen
    assert "Paid without a usable label $0.50" in seen


@pytest.mark.parametrize("group", ["task", "model", "account"])
def test_savings_are_summed_by_task_model_and_account(viewer: Client, group: str) -> None:
    spend()
    spend(model="claude-opus-5-5", list_usd=Decimal(30), paid_usd=Decimal(15))
    assert "$20.00" in see(viewer, f"/savings/?by={group}&period=year")


def test_an_unknown_price_is_said_and_never_taken_for_nothing(viewer: Client) -> None:
    spend(unpriced=3)
    assert "The price of 3 answers is not known" in see(viewer, "/savings/")


def test_the_csv_of_savings_has_full_precision(viewer: Client) -> None:
    spend(list_usd=Decimal("0.000000000002"), paid_usd=Decimal("0.000000000001"))
    lines = b"".join(viewer.get("/savings/savings.csv")).decode().splitlines()
    assert len(lines) == 2
    assert lines[1].endswith("0.000000000002,0.000000000001,0.000000000001,0.500000000000")


@pytest.mark.parametrize(
    ("question", "real_time", "batch", "saved", "year"),
    [
        (Question(100_000, 50, 20, 0, Decimal(3), Decimal(15)), 45, "22.5", "22.5", 270),
        (Question(1_000_000, 1_000, 0, 0, Decimal(3), Decimal(15)), 3_000, 1_500, 1_500, 18_000),
        (Question(0, 50, 20, 0, Decimal(3), Decimal(15), budget_usd=Decimal(1_000)), 1_000, 500, 500, 6_000),
        (Question(100_000, 50, 20, 0, Decimal(3), Decimal(15), urgent_percent=100), 45, "22.5", 0, 0),
    ],
)
def test_the_calculator_reproduces_the_examples_of_the_field(
    question: Question, real_time: object, batch: object, saved: object, year: object
) -> None:
    answer = calculate(question)
    found = (answer.real_time_usd, answer.batch_usd, answer.saved_usd, answer.saved_a_year_usd)
    assert found == tuple(Decimal(str(amount)) for amount in (real_time, batch, saved, year))


def test_the_calculator_is_a_plain_form_in_the_address(viewer: Client) -> None:
    seen = see(viewer, "/savings/?documents=1,000,000&tokens_in=1000&tokens_out=0&price_in=3&price_out=15")
    assert "Saved a month $1,500.00" in seen
    assert "Saved a year $18,000.00" in seen
    assert viewer.get("/savings/?documents=many").status_code == 422


def test_the_calculator_takes_the_prices_of_a_model(viewer: Client) -> None:
    seen = see(viewer, "/savings/?documents=100,000&tokens_in=50&tokens_out=20&model=claude-sonnet-4-5&price_in=99")
    assert "All real-time $45.00 All in batches $22.50" in seen
    unknown = see(viewer, "/savings/?documents=100,000&tokens_in=50&tokens_out=20&model=none&price_in=3&price_out=15")
    assert "All real-time $45.00 All in batches $22.50" in unknown


def test_a_labeling_budget_of_a_thousand_dollars_becomes_five_hundred(viewer: Client) -> None:
    assert "All in batches $500.00" in see(viewer, "/savings/?budget=1000")


@pytest.mark.parametrize("unit", ["day", "week", "month"])
def test_bars_are_days_weeks_or_months_and_sum_to_the_same(viewer: Client, unit: str) -> None:
    spend()
    assert f"by {unit}," in viewer.get(f"/savings/?each={unit}&period=year").content.decode()
    assert "$5.00 saved" in see(viewer, f"/savings/?each={unit}&period=year")


def test_what_was_paid_for_nothing_is_told_by_cause_with_its_documents(viewer: Client) -> None:
    upload = make_upload()
    make_result(make_request(make_document(upload)), usable=False, failure_reason="cut_off", paid_usd=Decimal("0.25"))
    make_result(make_request(make_document(upload)), usable=False, failure_reason="not_a_label")
    make_result(make_request(make_document(upload)))
    seen = see(viewer, "/savings/")
    assert "Cut off 1 $0.25" in seen
    assert "Not a label 1" in seen
    assert "state=failed&amp;cause=cut_off" in viewer.get("/savings/").content.decode()


def test_what_was_paid_for_nothing_is_whole(viewer: Client) -> None:
    spend(wasted_usd=Decimal("1.50"), withdrawn_usd=Decimal("0.70"), superseded_usd=Decimal("0.30"))
    seen = see(viewer, "/savings/")
    assert "Withdrawn – $0.70" in seen
    assert "Superseded – $0.30" in seen
    assert "All, by the day of the money $1.50" in seen


def test_accuracy_is_a_range() -> None:
    assert str(wilson(8_712, 10_003)) == "86.4 to 87.7 %"


def test_labels_as_a_whole_are_counted_and_compared_with_gold(viewer: Client) -> None:
    upload = make_upload(inspection={"columns": ["text"], "text_column": "text", "gold_column": "gold"})
    for answer, gold in (("red", "red"), ("red", "Red"), ("blue", "red")):
        make_result(make_request(make_document(upload, gold_label=gold)), answer=answer)
    seen = see(viewer, f"/uploads/{upload.pk}/")
    assert "equal to gold 2 of 3, " in seen
    assert "red 2 66.6%" in seen
    assert "blue 1 33.3%" in seen


def test_labels_as_a_whole_say_how_they_changed_against_the_seven_nights_before(
    viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labeling.reports.usual_labels.ENOUGH", 4)
    version, now = make_version(), timezone.now()
    older = make_upload(version, ready_at=now - timedelta(days=9))
    before = make_upload(version, ready_at=now - timedelta(days=2))
    upload = make_upload(version)
    for answers, of in ((["green"] * 9, older), (["red", "red", "red", "blue"], before), (["red", "blue"], upload)):
        for answer in answers:
            make_result(make_request(make_document(of)), answer=answer)
    seen = see(viewer, f"/uploads/{upload.pk}/")
    assert "blue 1 50% +25.0" in seen
    assert "red 1 50% −25.0" in seen
    assert "against 4 labels of this task in the 7 nights before" in seen
    assert "Change" not in see(viewer, f"/uploads/{older.pk}/")
