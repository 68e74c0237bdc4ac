"""The console's log-in, second factor and change of password, with the API's lock-out."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.utils import timezone
from unfold.forms import AdminOwnPasswordChangeForm, AuthenticationForm
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from accounts import rules, services
from accounts.errors import LockedOut
from accounts.models import User
from api.throttles import ScopedRate, name_of
from core.errors import DomainError
from oversight import trace

IDENTIFIER_MAX_LENGTH = 254


class OfficerLogInForm(AuthenticationForm):
    """Officers only; anybody else hears the same words as after a wrong password."""

    error_messages = {
        "refused": "This address or number and this password are no officer's.",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        widget = self.fields["username"].widget
        widget.attrs |= {"maxlength": IDENTIFIER_MAX_LENGTH, "autocomplete": "username"}
        self.fields["username"] = forms.CharField(
            label="E-mail address or phone number", max_length=IDENTIFIER_MAX_LENGTH, widget=widget
        )

    def clean(self) -> dict[str, Any]:
        """Check the credentials as the API does; count a wrong one."""
        identifier, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if identifier and password:
            self.user_cache = self._officer(identifier, password)
        return self.cleaned_data

    def _officer(self, identifier: str, password: str) -> Any:
        """Ask at most as often from one address as the API is asked: each password costs a hash."""
        if not ScopedRate().count("login", name_of(trace.current().ip)):
            raise ValidationError("Too many log-ins from here. Try again in a minute.", code="throttled")
        try:
            return services.knock(identifier, password, now=timezone.now())
        except LockedOut as refusal:
            raise _locked(refusal) from refusal
        except DomainError as refusal:
            raise ValidationError(self.error_messages["refused"], code="refused") from refusal


class PasskeyField(forms.CharField):
    """What a browser says of a passkey (`credential.toJSON()`), as an object; None where there is none."""

    widget = forms.HiddenInput

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=rules.PASSKEY_ANSWER_LENGTH, **options)

    def clean(self, value: Any) -> Any:
        """Read it. Raises ValidationError for what no browser sends."""
        text = super().clean(value)
        if not text:
            return None
        try:
            answer = json.loads(text)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise ValidationError("This is no passkey's answer.", code="invalid")
        return answer


class FactorForm(forms.Form):
    """A code of the app, a recovery code, or what the browser says of a passkey."""

    code = forms.CharField(
        label="Code",
        required=False,
        max_length=40,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "one-time-code", "autofocus": True}),
    )
    passkey = PasskeyField(required=False)

    def clean(self) -> dict[str, Any]:
        """Ask for one of them."""
        if not self.errors and not self.cleaned_data["code"] and not self.cleaned_data["passkey"]:
            raise ValidationError("Give a code, or use a passkey.", code="required")
        return self.cleaned_data


class PresentPasswordForm(forms.Form):
    """The password once more, before another factor is added; who checks it counts it."""

    password = forms.CharField(
        label="Your password",
        max_length=rules.PASSWORD_MAX_LENGTH,
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "current-password"}),
    )


class PasskeyForm(forms.Form):
    """A new passkey: its name, and what the browser made."""

    name = forms.CharField(
        label="Name of the passkey",
        max_length=60,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "such as: laptop, blue key", "autocomplete": "off"}),
    )
    passkey = PasskeyField()


class OfficerPasswordForm(AdminOwnPasswordChangeForm):
    """A new password through the same service as the API's: counted, audited, every other session ended."""

    def clean_old_password(self) -> str:
        """Check the present password; count a wrong one."""
        password: str = self.cleaned_data["old_password"]
        try:
            services.check_current_password(self.user, password, now=timezone.now())
        except LockedOut as refusal:
            raise _locked(refusal) from refusal
        except DomainError as refusal:
            raise ValidationError(str(refusal), code=refusal.code) from refusal
        return password

    def save(self, commit: bool = True) -> User:
        """Set it, for the person whose password was just checked. Raises TokenRefused, WrongPassword.

        The person isn't read anew: an end of their consoles that came meanwhile would come into this browser's hash.
        """
        person: User = self.user
        encoded = make_password(self.cleaned_data["new_password1"])
        services.set_password(person, checked=person.password, encoded=encoded, now=timezone.now())
        person.password = encoded
        return person


def _locked(refusal: LockedOut) -> ValidationError:
    minutes = -(-refusal.wait // 60)
    return ValidationError(f"Too many wrong passwords. Try again in {minutes} minutes.", code="locked")
