"""The console's log-in: an officer's e-mail address or phone number, with the API's lock-out."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from unfold.forms import AuthenticationForm

from accounts import services
from accounts.errors import LockedOut
from core.errors import DomainError

IDENTIFIER_MAX_LENGTH = 254


class OfficerLogInForm(AuthenticationForm):
    """Officers only; anybody else hears the same words as after a wrong password."""

    error_messages = {
        "refused": "This address or number and this password are no officer's.",
        "locked": "Too many wrong passwords. Try again in %(minutes)s minutes.",
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
        try:
            return services.enter_console(identifier, password, now=timezone.now())
        except LockedOut as refusal:
            minutes = -(-refusal.wait // 60)
            raise ValidationError(
                self.error_messages["locked"], code="locked", params={"minutes": minutes}
            ) from refusal
        except DomainError as refusal:
            raise ValidationError(self.error_messages["refused"], code="refused") from refusal
