"""What a person decides in one or two fields."""

from django import forms

from labeling.states import Way

from .fields import WAYS, reason_field


class WayForm(forms.Form):
    way = forms.ChoiceField(choices=WAYS)

    @property
    def chosen(self) -> Way:
        return Way(self.cleaned_data["way"])


class ReasonForm(forms.Form):
    reason = reason_field()


class HoldForm(forms.Form):
    """For tonight, or until released; with a reason."""

    reason = reason_field()
    until = forms.ChoiceField(required=False, choices=[("released", "released"), ("tonight", "tonight")])

    @property
    def is_for_tonight(self) -> bool:
        return bool(self.cleaned_data["until"] == "tonight")


MOST_DOCUMENTS = 2**31 - 1
"""More than any column of counts holds."""


class ReleaseForm(forms.Form):
    """A person lets documents go: the number that he was shown, and that he read what it may cost."""

    documents = forms.IntegerField(min_value=0, max_value=MOST_DOCUMENTS)
    risk = forms.BooleanField()


class MaxTokensForm(forms.Form):
    max_tokens = forms.IntegerField(
        min_value=1,
        max_value=1_000_000,
        error_messages={
            "required": "give the number of tokens.",
            "invalid": "max_tokens is a whole number.",
            "min_value": "max_tokens is at least 1.",
            "max_value": "max_tokens is at most 1,000,000.",
        },
    )


class NoteForm(forms.Form):
    note = forms.CharField(required=False, max_length=200)
