"""What labeling would cost."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import forms

from labeling.reports.calculator import Question


class CalculatorForm(forms.Form):
    """Plain GET; what is left blank is what the example of the field says."""

    documents = forms.IntegerField(min_value=0, max_value=10**12, initial=100_000)
    tokens_in = forms.IntegerField(min_value=0, max_value=10**7, initial=50)
    tokens_out = forms.IntegerField(min_value=0, max_value=10**6, initial=20)
    instructions = forms.IntegerField(min_value=0, max_value=10**7, initial=0)
    model = forms.CharField(required=False, max_length=80)
    price_in = forms.DecimalField(min_value=0, max_value=10_000, initial=Decimal(3))
    price_out = forms.DecimalField(min_value=0, max_value=10_000, initial=Decimal(15))
    urgent = forms.IntegerField(min_value=0, max_value=100, initial=0)
    budget = forms.DecimalField(required=False, min_value=0, max_value=10**12)

    @classmethod
    def from_query(cls, query: Any) -> "CalculatorForm":
        """What the address leaves out, or blank, has its initial value."""
        values = {
            name: query.get(name, "").replace(",", "") or field.initial for name, field in cls.base_fields.items()
        }
        return cls({name: value for name, value in values.items() if value is not None})

    def priced(self, prices: Mapping[str, tuple[Decimal, Decimal]]) -> "CalculatorForm":
        """With the prices of the model that is chosen, where they are known."""
        chosen = prices.get(str(self.data.get("model", "")))
        return type(self)({**self.data, "price_in": chosen[0], "price_out": chosen[1]}) if chosen else self

    def question(self) -> Question:
        asked = self.cleaned_data
        return Question(
            documents=asked["documents"],
            input_tokens=asked["tokens_in"],
            output_tokens=asked["tokens_out"],
            instruction_tokens=asked["instructions"],
            input_usd=asked["price_in"],
            output_usd=asked["price_out"],
            urgent_percent=asked["urgent"],
            budget_usd=asked["budget"],
        )
