"""What is erased, and when by itself."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from .fields import reason_field


class EraseForm(forms.Form):
    """A reason, and the name of what goes, typed."""

    reason = reason_field()
    typed = forms.CharField(max_length=200, error_messages={"required": "Type the name of what goes."})
    with_copies = forms.BooleanField(required=False)

    def __init__(self, data: Any, *, word: str) -> None:
        super().__init__(data)
        self.word = word

    def clean_typed(self) -> str:
        typed = str(self.cleaned_data["typed"]).strip()
        if typed.casefold() != self.word.casefold():
            raise ValidationError(f"That is not {self.word}.")
        return typed


class RetentionForm(forms.Form):
    days = forms.IntegerField(required=False, min_value=1, max_value=36_500)
