"""What is kept about people beyond Django's users: one-time passwords, and how often signing in failed."""

from django.conf import settings
from django.db import models


class OneTimePassword(models.Model):
    """The user's present password was given by an admin: it ends, and the first sign-in must change it."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="one_time_password")
    given_at = models.DateTimeField(auto_now_add=True)
    given_by = models.CharField(max_length=150)
    ends_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"one-time password of {self.user}"


class SignInTries(models.Model):
    """Failed tries to sign in as one name from one address since an instant; the name only as a fingerprint."""

    name = models.CharField(max_length=64, help_text="SHA-256: people type passwords where the name belongs")
    address = models.CharField(max_length=64)
    tries = models.PositiveIntegerField(default=0)
    since = models.DateTimeField()

    class Meta:
        verbose_name_plural = "sign-in tries"
        constraints = (models.UniqueConstraint(fields=("name", "address"), name="sign_in_tries_once"),)

    def __str__(self) -> str:
        return f"{self.tries} tries from {self.address}"
