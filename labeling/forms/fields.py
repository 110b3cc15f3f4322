"""What several forms have in common: fields, and how their errors are told in one sentence."""

from django import forms

from labeling.models import LabelingTask
from labeling.states import Way

WAYS = [(way.value, way.sentence) for way in Way]


def reason_field() -> forms.CharField:
    return forms.CharField(
        max_length=200, error_messages={"required": "Say why, in a few words.", "max_length": "Say it shorter."}
    )


def task_field() -> "forms.ModelChoiceField[LabelingTask]":
    """A labeling task that has a version in use."""
    return forms.ModelChoiceField(
        LabelingTask.objects.filter(version_in_use__isnull=False).select_related("version_in_use"),
        to_field_name="slug",
        error_messages={"required": "Choose a labeling task.", "invalid_choice": "That labeling task does not exist."},
    )


def version_number_field() -> forms.IntegerField:
    """A version of a task by its number; blank is any, or the one in use."""
    return forms.IntegerField(required=False, min_value=1, max_value=2**31 - 1)


def first_error(form: forms.Form) -> str:
    return next((str(error) for errors in form.errors.values() for error in errors), "")
