"""Signing in, and a password of one's own."""

from typing import Any

from django.contrib.auth import views as auth
from django.http import HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache

from labeling import activity
from labeling.signing_in import MUST_CHANGE, Tries, forget_one_time

from .reader import shown_zone

METHODS = ["get", "head", "post"]
"""Django's own form pages would take a PUT for a POST."""


class SignIn(auth.LoginView):
    http_method_names = METHODS
    redirect_authenticated_user = True

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        tries: Tries | None = getattr(self.request, "sign_in_tries", None)
        return super().get_context_data(tries=tries, **context)

    def render_to_response(self, context: dict[str, Any], **more: Any) -> HttpResponse:
        """422 for a wrong password, 429 when the tries are used up."""
        tries = context["tries"]
        if context["form"].errors:
            more["status"] = 429 if tries and tries.is_over else 422
        with timezone.override(shown_zone(self.request)):
            response = super().render_to_response(context, **more)
            return response.render() if isinstance(response, TemplateResponse) else response


@method_decorator(never_cache, "dispatch")
class ChangePassword(auth.PasswordChangeView):
    http_method_names = METHODS

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        return super().get_context_data(must=self.request.session.get(MUST_CHANGE, False), **context)

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        forget_one_time(self.request)
        activity.record(self.request.user, "Changed the own password", f"user:{self.request.user}")
        return response
