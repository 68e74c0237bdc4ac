"""How officers come into the console and change their password there."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.views import PasswordChangeView
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse

from accounts.forms import OfficerLogInForm, OfficerPasswordForm


class OfficerDoors:
    """Mixed into the admin site: both doors count wrong passwords and are written down."""

    login_form = OfficerLogInForm
    password_change_template: str | None = None
    name: str

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """What every page of the site is rendered with."""
        context: dict[str, Any] = super().each_context(request)  # type: ignore[misc]
        return context

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        """Show the form, change the password, stay logged in here and nowhere else."""
        view = PasswordChangeView.as_view(
            form_class=OfficerPasswordForm,
            success_url=reverse(f"{self.name}:password_change_done"),
            template_name=self.password_change_template or "registration/password_change_form.html",
            extra_context={**self.each_context(request), **(extra_context or {})},
        )
        return view(request)
