"""E-mail addresses and phone numbers in the one form that makes a person unique."""

from __future__ import annotations

import re
import unicodedata

import phonenumbers
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator

EMAIL_MAX_LENGTH = 254
PHONE_MAX_LENGTH = 64
HOME_REGION = "BJ"

_IS_EMAIL = EmailValidator()
_PHONE_WRITING = re.compile(r"^\+?[0-9 ().\-/]+$")

# Côte d'Ivoire, 31 January 2021: eight digits became ten. A mobile number's second digit told its operator
# (Moov 01, MTN 05, Orange 07); a fixed number began with 2 or 3 and its third digit told it (Moov 21, MTN 25,
# Orange 27). Source: ARTCI, nouveau plan national de numérotation.
_IVORY_MOBILE = {**dict.fromkeys("0123", "01"), **dict.fromkeys("456", "05"), **dict.fromkeys("789", "07")}
_IVORY_FIXED = {"8": "21", "0": "25"}
_OLD_LENGTH = 8


class InvalidIdentifier(ValueError):
    """This is neither an e-mail address nor a phone number that can be reached."""


def ascii_digits(text: str) -> str:
    """Return `text` with every decimal digit of any script as ASCII, and without invisible format characters."""
    plain = unicodedata.normalize("NFKC", text)
    kept = (character for character in plain if unicodedata.category(character) != "Cf")
    return "".join(str(unicodedata.decimal(character, character)) for character in kept)


def normalise_email(text: str) -> str:
    """Return the address trimmed, in NFC and case-folded, which is the form that is unique.

    Raises InvalidIdentifier.
    """
    address = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text.strip()).casefold())
    try:
        _IS_EMAIL(address)
    except ValidationError as error:
        raise InvalidIdentifier("This is not an e-mail address.") from error
    if len(address) > EMAIL_MAX_LENGTH or any(unicodedata.category(character)[0] == "C" for character in address):
        raise InvalidIdentifier("This is not an e-mail address.")
    return address


def normalise_phone(text: str, *, region: str = HOME_REGION) -> str:
    """Return the number as E.164, old eight-digit numbers of Benin and Côte d'Ivoire as today's ten digits.

    `region` (ISO 3166-1 alpha-2) reads a number written without its country. Raises InvalidIdentifier.
    """
    if len(text) > PHONE_MAX_LENGTH:
        raise InvalidIdentifier("This is not a phone number.")
    written = ascii_digits(text).strip().removeprefix("tel:")
    if not _PHONE_WRITING.match(written):
        raise InvalidIdentifier("This is not a phone number.")
    try:
        number = _with_ten_digits(phonenumbers.parse(written, region), written, region)
    except phonenumbers.NumberParseException as error:
        raise InvalidIdentifier("This is not a phone number.") from error
    if not phonenumbers.is_valid_number(number):
        raise InvalidIdentifier("There is no such phone number.")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _with_ten_digits(number: phonenumbers.PhoneNumber, written: str, region: str) -> phonenumbers.PhoneNumber:
    national = phonenumbers.national_significant_number(number)
    if len(national) != _OLD_LENGTH:
        return number
    if number.country_code == phonenumbers.country_code_for_region("BJ"):
        return phonenumbers.parse(f"+22901{national}")
    if number.country_code == phonenumbers.country_code_for_region("CI"):
        return phonenumbers.parse(f"+225{_ivorian_prefix(national)}{national}")
    return number


def _ivorian_prefix(national: str) -> str:
    if national[0] in "23":
        return _IVORY_FIXED.get(national[2], "27")
    return _IVORY_MOBILE[national[1]]


def normalise(text: str, *, region: str = HOME_REGION) -> str:
    """Return an identifier as log-in takes it: an e-mail address if it has an @, a phone number otherwise.

    Raises InvalidIdentifier.
    """
    return normalise_email(text) if "@" in text else normalise_phone(text, region=region)


def country_of(number: str) -> str:
    """Return the country (ISO 3166-1 alpha-2) of a number in E.164; empty for one of no country."""
    return phonenumbers.region_code_for_number(phonenumbers.parse(number)) or ""


def mask(identifier: str) -> str:
    """Show enough of an identifier to recognise it, too little to use it: `a…@example.com`, `+229…56`."""
    if not identifier:
        return ""
    if "@" in identifier:
        name, _, host = identifier.partition("@")
        return f"{name[:1]}…@{host}"
    return f"{identifier[:4]}…{identifier[-2:]}"
