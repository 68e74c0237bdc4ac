"""The two doors of the console: log-in and change of password, counted and written down."""

from __future__ import annotations

import functools
from typing import Any

from django.contrib import messages
from django.contrib.admin.sites import AdminSite
from django.contrib.auth.views import PasswordChangeView
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse

from accounts.forms import OfficerLogInForm, OfficerPasswordForm


def hang_doors(site: AdminSite) -> None:
    """Give the console, whichever site it is, our log-in form and our change of password."""
    site.login_form = OfficerLogInForm
    setattr(site, "password_change", functools.partial(change_password, site))  # noqa: B010


class ChangePassword(PasswordChangeView):
    """Django's, which says that it was done: the next page is the second factor's."""

    def form_valid(self, form: Any) -> HttpResponse:
        messages.success(self.request, "Your password was changed.")
        return super().form_valid(form)


def change_password(
    site: AdminSite, request: HttpRequest, extra_context: dict[str, Any] | None = None
) -> HttpResponseBase:
    """Show the form, change the password, stay logged in here and nowhere else; the second factor is asked for anew."""
    view = ChangePassword.as_view(
        form_class=OfficerPasswordForm,
        success_url=reverse(f"{site.name}:password_change_done"),
        template_name=site.password_change_template or "registration/password_change_form.html",
        extra_context={**site.each_context(request), **(extra_context or {})},
    )
    return view(request)
