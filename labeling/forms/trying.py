"""What a version is tried on."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError


class TryForm(forms.Form):
    """What a version is tried on."""

    on = forms.ChoiceField(choices=[(word, word) for word in ("random", "gold", "document", "text")])
    count = forms.IntegerField(
        required=False, min_value=1, max_value=100, error_messages={"invalid": "Write how many, from 1 to 100."}
    )
    document = forms.CharField(required=False, max_length=20)
    text = forms.CharField(required=False, strip=False, max_length=1_000_000)
    seen = forms.CharField(max_length=40)

    def clean_document(self) -> int | None:
        """As pages show it: D-12, or the number alone."""
        text = self.cleaned_data["document"].strip().upper().removeprefix("D-")
        if text and not (text.isascii() and text.isdecimal()):
            raise ValidationError("Write a document like D-12.")
        return int(text) if text else None

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("on") in ("random", "gold") and not cleaned.get("count"):
            self.add_error("count", "Choose on how many, from 1 to 100.")
        if cleaned.get("on") == "document" and not cleaned.get("document"):
            self.add_error("document", "Write a document like D-12.")
        return cleaned
