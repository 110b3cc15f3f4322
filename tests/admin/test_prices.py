"""Prices may be written; one that results were booked at is superseded and never changed."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from labeling.models import Activity, ModelPrice, Result
from tests.admin.world import messages
from tests.factories import MODEL, make_result

pytestmark = pytest.mark.django_db

FORM = {
    "model": "claude-new",
    "effective_from": "2026-12-01",
    "above_prompt_tokens": "0",
    "input": "1",
    "output": "5",
    "cache_write_5m": "1.25",
    "cache_write_1h": "2",
    "cache_read": "0.1",
    "source": "the price page",
}
ADD = "/admin/labeling/modelprice/add/"


def make_price(**columns: object) -> ModelPrice:
    return ModelPrice.objects.create(**{**FORM, "effective_from": date(2026, 12, 1), **columns})


def change(client: Client, price: ModelPrice, **form: object) -> Any:
    return client.post(reverse("admin:labeling_modelprice_change", args=(price.pk,)), {**FORM, **form}, follow=True)


def test_an_administrator_adds_a_price_from_a_day_on(administrator: Client) -> None:
    administrator.post(ADD, FORM)
    price = ModelPrice.objects.get(model="claude-new")
    assert (price.effective_from, price.output, price.cache_read) == (date(2026, 12, 1), Decimal(5), Decimal("0.1"))


def test_a_changed_price_is_in_the_activity_with_before_and_after(administrator: Client) -> None:
    price = make_price()
    change(administrator, price, output="6")
    activity = Activity.objects.get()
    assert (activity.by, activity.subject) == ("anna", "price:claude-new")
    assert activity.detail == {"before": {"output": "5.000000"}, "after": {"output": "6"}}


def test_a_deleted_price_is_in_the_activity(administrator: Client) -> None:
    price = make_price()
    administrator.post(reverse("admin:labeling_modelprice_delete", args=(price.pk,)), {"post": "yes"})
    assert not ModelPrice.objects.filter(pk=price.pk).exists()
    assert Activity.objects.get().detail["before"]["input"] == "1.000000"


def test_a_price_that_results_were_booked_at_is_not_changed(administrator: Client) -> None:
    make_result()
    price = ModelPrice.objects.get(model=MODEL)
    assert change(administrator, price, model=MODEL, input="99").status_code == 403
    price.refresh_from_db()
    assert price.input == Decimal(1)


def test_a_price_that_results_were_booked_at_is_not_deleted_either(administrator: Client) -> None:
    make_result()
    price = ModelPrice.objects.get(model=MODEL)
    one = administrator.post(reverse("admin:labeling_modelprice_delete", args=(price.pk,)), {"post": "yes"})
    chosen = {"action": "delete_selected", "_selected_action": [price.pk], "post": "yes"}
    many = administrator.post(reverse("admin:labeling_modelprice_changelist"), chosen)
    assert (one.status_code, many.status_code) == (403, 403)
    assert ModelPrice.objects.filter(pk=price.pk).exists()


def test_its_page_says_why_and_offers_the_row_that_supersedes_it(administrator: Client) -> None:
    make_result()
    price = ModelPrice.objects.get(model=MODEL)
    page = administrator.get(reverse("admin:labeling_modelprice_change", args=(price.pk,))).text
    assert "Results booked while this price was in effect: 1." in page
    assert f"{ADD}?model={MODEL}&amp;above_prompt_tokens=0&amp;input=1.000000" in page


def test_a_superseded_price_counts_only_the_results_of_its_own_days(administrator: Client) -> None:
    old = make_price(model=MODEL, effective_from=date(2026, 1, 2))
    make_price(model=MODEL, effective_from=date(2026, 1, 3))
    make_result()
    assert change(administrator, old, model=MODEL, effective_from="2026-01-02", source="corrected").status_code == 200
    old.refresh_from_db()
    assert old.source == "corrected"


def test_results_that_are_booked_already_keep_their_price_and_the_page_says_so(administrator: Client) -> None:
    result = make_result()
    answer = administrator.post(
        ADD, {**FORM, "model": MODEL, "effective_from": "2026-06-01", "input": "70"}, follow=True
    )
    assert any("Results of claude-haiku-4-5 booked since 2026-06-01: 1." in text for text in messages(answer))
    assert Result.objects.get(pk=result.pk).paid_usd == result.paid_usd


@pytest.mark.parametrize(("column", "value"), [("input", "-1"), ("cache_read", "0.0000001"), ("output", "0.000001")])
def test_a_price_that_could_not_be_exact_is_refused_with_a_sentence(
    column: str, value: str, administrator: Client
) -> None:
    page = administrator.post(ADD, {**FORM, column: value})
    assert page.context["adminform"].form.errors[column]
    assert not ModelPrice.objects.filter(model="claude-new").exists()


def test_the_same_model_day_and_tier_twice_is_refused_with_a_sentence(administrator: Client) -> None:
    make_price()
    page = administrator.post(ADD, FORM)
    assert "already exists" in page.text


@pytest.mark.parametrize("who", ["viewer", "operator"])
def test_only_an_administrator_writes_prices(who: str, request: pytest.FixtureRequest) -> None:
    client: Client = request.getfixturevalue(who)
    price = make_price()
    assert client.post(ADD, FORM).status_code == 403
    assert change(client, price, output="6").status_code == 403
    assert ModelPrice.objects.get(pk=price.pk).output == 5
