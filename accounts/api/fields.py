"""What comes in from people, checked and brought to its one form."""

from __future__ import annotations

import zoneinfo
from typing import Any

import pycountry
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as DjangoValidationError
from rest_framework import serializers
from rest_framework.request import Request

from accounts import identifiers, names, rules
from accounts.models import User
from accounts.models.people import REFERRAL_LENGTH

COUNTRIES = frozenset(country.alpha_2 for country in pycountry.countries)
TIME_ZONES = frozenset(zoneinfo.available_timezones())
LANGUAGES = frozenset(code for code, _ in settings.LANGUAGES)


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields that it doesn't know, so that a misspelt one is never silently dropped."""

    def to_internal_value(self, data: Any) -> Any:
        known = {name for name, field in self.fields.items() if not field.read_only}
        if isinstance(data, dict) and (unknown := set(data) - known):
            raise serializers.ValidationError(
                {
                    _printable(name): [serializers.ErrorDetail("This field isn't taken here.", "unknown")]
                    for name in unknown
                }
            )
        return super().to_internal_value(data)

    @classmethod
    def parse(cls, request: Request, /, **context: Any) -> dict[str, Any]:
        """Return the body as arguments of a service. Raises ValidationError."""
        form = cls(data=request.data, context=context)
        form.is_valid(raise_exception=True)
        return dict(form.validated_data)


class NothingIn(StrictSerializer):
    """No content."""

    @classmethod
    def parse(cls, request: Request, /, **context: Any) -> dict[str, Any]:
        """Return no arguments. Raises ValidationError for any content."""
        cls(data=request.data or {}).is_valid(raise_exception=True)
        return {}


def _printable(name: str) -> str:
    return str(name).encode("utf-8", "replace").decode()[:100]


class StrictCharField(serializers.CharField):
    """A string, not a number that looks like one."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class EmailField(StrictCharField):
    """An e-mail address, in any case."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=identifiers.EMAIL_MAX_LENGTH, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        return _normal(identifiers.normalise_email, super().to_internal_value(data))


class PhoneField(StrictCharField):
    """A phone number with its country, E.164."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=identifiers.PHONE_MAX_LENGTH, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not identifiers.ascii_digits(text).strip().startswith(("+", "00", "tel:+")):
            raise serializers.ValidationError("Write the number with its country, as in +2290197123456.")
        return _normal(identifiers.normalise_phone, text)


def _normal(normalise: Any, text: str) -> str:
    try:
        return str(normalise(text))
    except identifiers.InvalidIdentifier as error:
        raise serializers.ValidationError(str(error)) from error


class NameField(StrictCharField):
    """A name in any script, as its bearer writes it; no control or formatting characters but joiners."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=names.MAX_LENGTH, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        try:
            return names.normalise_name(super().to_internal_value(data))
        except names.InvalidName as error:
            raise serializers.ValidationError(str(error)) from error


class CountryField(StrictCharField):
    """A country by ISO 3166-1 alpha-2."""

    def to_internal_value(self, data: Any) -> str:
        code = super().to_internal_value(data)
        if code not in COUNTRIES:
            raise serializers.ValidationError("This is no ISO 3166-1 alpha-2 code, like BJ.")
        return code


class ReferralCodeField(StrictCharField):
    """The referral code of somebody who is with us, or nothing."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_blank=True, max_length=REFERRAL_LENGTH, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        code = super().to_internal_value(data).upper()
        if code and not User.objects.present().filter(referral_code=code).exists():
            raise serializers.ValidationError("Nobody has this referral code.", code="unknown")
        return code


class TimeZoneField(StrictCharField):
    """A name of the tz database."""

    def to_internal_value(self, data: Any) -> str:
        name = super().to_internal_value(data)
        if name not in TIME_ZONES:
            raise serializers.ValidationError("This is no name of the tz database, like Africa/Porto-Novo.")
        return name


class LanguageField(StrictCharField):
    """A language by its BCP 47 tag."""

    def to_internal_value(self, data: Any) -> str:
        tag = super().to_internal_value(data).lower()
        if tag not in LANGUAGES:
            raise serializers.ValidationError("This language isn't known here.")
        return tag


class PasswordField(StrictCharField):
    """A password as it was typed: never trimmed, never shown again."""

    def __init__(self, **kwargs: Any) -> None:
        style = {"input_type": "password"}
        super().__init__(
            max_length=rules.PASSWORD_MAX_LENGTH, trim_whitespace=False, write_only=True, style=style, **kwargs
        )


def require_good_password(password: str, *, person: User, field: str) -> None:
    """Refuse a password that is short, common, or much like what we know of the person.

    Raises ValidationError at `field`.
    """
    try:
        validate_password(password, person)
    except DjangoValidationError as error:
        raise serializers.ValidationError(
            {
                field: [
                    serializers.ErrorDetail(str(problem.messages[0]), problem.code or "invalid")
                    for problem in error.error_list
                ]
            }
        ) from error
