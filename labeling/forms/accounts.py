"""Who gets an account."""

from django import forms
from django.contrib.auth.models import User
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError


class AccountForm(forms.Form):
    name = forms.CharField(
        max_length=150,
        validators=[UnicodeUsernameValidator(message="Only letters, digits and @ . + - _ in a user name.")],
        error_messages={"required": "Write a user name.", "max_length": "At most 150 letters."},
    )
    role = forms.ChoiceField(
        choices=[(role, role) for role in ("viewer", "operator", "admin")],
        initial="viewer",
        error_messages={"required": "Choose a role.", "invalid_choice": "Choose a role."},
    )

    def clean_name(self) -> str:
        """One account for a name, however its letters are written."""
        name = str(self.cleaned_data["name"])
        if User.objects.filter(username__iexact=name).exists():
            raise ValidationError("There is an account of that name already.")
        return name
