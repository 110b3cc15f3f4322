"""Which requests of a batch, and what becomes of their documents."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from labeling.reports.paging import ids_in
from labeling.states import Way

from .fields import reason_field, version_number_field


class RequestsForm(forms.Form):
    """Which requests of a batch: the checked ones, or all that the page's filter leaves; the button says it."""

    act = forms.RegexField(
        rf"^(checked|all)( ({'|'.join(Way)}))?$",
        error_messages={"required": "Choose which and when.", "invalid": "Choose which and when."},
    )
    outcome = forms.CharField(required=False, max_length=20)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        cleaned["which"], _, cleaned["way"] = cleaned.get("act", "").partition(" ")
        cleaned["request_ids"] = ids_in(self.data, "request") if isinstance(self.data, QueryDict) else []
        if cleaned["which"] == "checked" and not cleaned["request_ids"]:
            raise ValidationError("Check at least one request, or choose all.")
        return cleaned

    @property
    def narrowed(self) -> dict[str, Any]:
        """Arguments that name them."""
        chosen = self.cleaned_data
        if chosen["which"] == "checked":
            return {"request_ids": chosen["request_ids"]}
        return {"outcome": chosen["outcome"]}


class RequestsAgainForm(RequestsForm):
    """`checked tonight`, `all urgent`, and so on; without a version: the one in use."""

    version = version_number_field()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if not cleaned["way"]:
            raise ValidationError("Choose when it should leave.")
        return cleaned

    @property
    def way(self) -> Way:
        return Way(self.cleaned_data["way"])


class RequestsCloseForm(RequestsForm):
    reason = reason_field()
