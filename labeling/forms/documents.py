"""Which documents, and what becomes of them."""

from django import forms

from labeling.finding import GOLD, OPEN, SOURCES
from labeling.models.selections import KEY_LENGTH
from labeling.reports.paging import LARGEST_ID
from labeling.states import DocumentState, FailureReason

from .decisions import WayForm
from .fields import version_number_field


class DocumentFilterForm(forms.Form):
    """Filters live in the address; what cannot be read counts as any."""

    q = forms.CharField(required=False, max_length=200)
    task = forms.SlugField(required=False)
    version = version_number_field()
    state = forms.ChoiceField(required=False, choices=[("", "any"), (OPEN, OPEN), *DocumentState.choices()])
    label = forms.CharField(required=False, max_length=512, strip=False)
    gold = forms.ChoiceField(required=False, choices=[("", "any"), *((word, word) for word in GOLD)])
    cause = forms.ChoiceField(required=False, choices=[("", "any"), *FailureReason.choices()])
    source = forms.ChoiceField(required=False, choices=[("", "any"), *((word, word) for word in SOURCES)])
    upload = forms.IntegerField(required=False, min_value=1, max_value=LARGEST_ID)
    batch = forms.IntegerField(required=False, min_value=1, max_value=LARGEST_ID)
    list = forms.SlugField(required=False, max_length=KEY_LENGTH)


class ChoiceForm(forms.Form):
    """What is chosen on the documents page: ticked ones, or all that match and were there."""

    query = forms.CharField(required=False, max_length=4_000, strip=False)
    all = forms.BooleanField(required=False)
    newest = forms.IntegerField(required=False, min_value=0, max_value=LARGEST_ID)


class AgainForm(WayForm):
    """How documents are labeled again; without a version: the one in use of each task."""

    task = forms.SlugField(required=False)
    version = version_number_field()
