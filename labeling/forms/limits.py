"""How much more a money limit lets go."""

from decimal import Decimal

from django import forms

from labeling.reports.paging import LARGEST_ID
from labeling.states import LimitScope

from .fields import reason_field


class LimitReleaseForm(forms.Form):
    """How much more a money limit lets go; an empty amount is everything."""

    scope = forms.TypedChoiceField(
        choices=LimitScope.choices(), coerce=LimitScope, error_messages={"required": "Say which limit."}
    )
    amount = forms.DecimalField(
        required=False,
        max_digits=12,
        decimal_places=2,
        min_value=Decimal("0.01"),
        max_value=Decimal(1_000_000_000),
        error_messages={"invalid": "Write the amount like 12.50.", "min_value": "Release more than nothing."},
    )
    why = reason_field()
    seen = forms.IntegerField(required=False, min_value=0, max_value=LARGEST_ID)

    def clean_seen(self) -> int:
        return int(self.cleaned_data["seen"] or 0)
