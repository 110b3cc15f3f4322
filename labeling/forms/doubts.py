"""What a person knows of a submission whose outcome is not known."""

from django import forms


class AbsenceForm(forms.Form):
    """A person says that the API never accepted a batch, and has read what it costs if that is wrong."""

    MOST_WHY = 300
    why = forms.CharField(
        max_length=MOST_WHY,
        error_messages={"required": "Say how you know it.", "max_length": f"Say it in {MOST_WHY} characters."},
    )
    risk = forms.BooleanField(error_messages={"required": "Check that you have read what it may cost."})


class AdoptionForm(AbsenceForm):
    """A person says which Message Batch a doubtful submission is."""

    message_batch_id = forms.CharField(
        max_length=80,
        error_messages={"required": "Give the id of the Message Batch.", "max_length": "That id is too long."},
    )
    field_order = ("message_batch_id", "why", "risk")
