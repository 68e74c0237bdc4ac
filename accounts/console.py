"""The doors of the console: log-in, change of password and the way out, counted and written down."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.admin.sites import AdminSite
from django.contrib.auth.views import PasswordChangeView
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils import timezone

from accounts.forms import OfficerLogInForm, OfficerPasswordForm
from accounts.services import step_up
from core.errors import DomainError
from oversight.console import factors


def hang_doors(site: AdminSite) -> None:
    """Give the console, whichever site it is, our log-in form, our change of password and our way out."""
    site.login_form = OfficerLogInForm
    setattr(site, "password_change", functools.partial(change_password, site))  # noqa: B010
    setattr(site, "logout", functools.partial(log_out, site.logout))  # noqa: B010


class ChangePassword(PasswordChangeView):
    """Django's, which says that it was done: the next page is the second factor's."""

    def form_valid(self, form: Any) -> HttpResponse:
        try:
            answer = super().form_valid(form)
        except DomainError as refusal:
            form.add_error("old_password", str(refusal))
            return self.form_invalid(form)
        messages.success(self.request, "Your password was changed.")
        return answer


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


def log_out(
    leave: Callable[..., HttpResponseBase], request: HttpRequest, extra_context: dict[str, Any] | None = None
) -> HttpResponseBase:
    """Leave, and write it down of whoever had come in."""
    officer_id: Any = request.user.pk
    came_in = factors.given_at(request) is not None
    answer = leave(request, extra_context)
    if came_in and not request.user.is_authenticated:
        step_up.note_exit(officer_id, now=timezone.now())
    return answer
