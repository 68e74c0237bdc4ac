"""Payment references and what becomes of money that arrived. Imports no Django. Source: docs/rules/deposits.md."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

ALPHABET: Final = "ACDEFGHJKMNPQRTWXY34679"
"""No two that are taken for each other (0/O, 1/I/L, 5/S, 2/Z, 8/B, U/V). 23 is a prime: see `check_character`."""

PAYLOAD_LENGTH: Final = 9
REFERENCES: Final = len(ALPHABET) ** PAYLOAD_LENGTH
"""How many references there are: 1.8 × 10^12."""

_BANK_REFERENCE: Final = re.compile(r"[A-Z0-9][A-Z0-9/.:_+-]{3,99}", re.ASCII)


class Placement(StrEnum):
    """Where money that arrived is booked."""

    WALLET = "wallet"
    SUSPENSE = "suspense"


@dataclass(frozen=True, slots=True)
class Arrival:
    """A credit as the bank reports it."""

    amount: Decimal
    currency: str


def check_character(payload: str) -> str:
    """Return the character that makes the weighted sum of all a multiple of 23.

    Weights 2, 3, … 10, then 1 for the check itself. The modulus is a prime above every weight, so one wrong
    character and any two exchanged are always found.
    """
    total = sum(weight * ALPHABET.index(character) for weight, character in enumerate(payload, 2))
    return ALPHABET[-total % len(ALPHABET)]


def payment_reference(number: int) -> str:
    """Write a number below REFERENCES as a reference of ten characters, the last its check."""
    if not 0 <= number < REFERENCES:
        raise ValueError("there is no reference of this number")
    payload = ""
    for _ in range(PAYLOAD_LENGTH):
        number, place = divmod(number, len(ALPHABET))
        payload = ALPHABET[place] + payload
    return payload + check_character(payload)


def read_reference(written: str) -> str | None:
    """Return the reference that somebody wrote, with its spaces, hyphens and case put right; None if it isn't one."""
    text = re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", written)).upper()
    if len(text) != PAYLOAD_LENGTH + 1 or any(character not in ALPHABET for character in text):
        return None
    return text if check_character(text[:-1]) == text[-1] else None


def show_reference(reference: str) -> str:
    """Write a reference in two groups, as people copy it."""
    return f"{reference[:5]}-{reference[5:]}"


def read_bank_reference(written: str) -> str | None:
    """Return the bank's own id of a credit in one spelling, so that it isn't recorded twice; None if unusable."""
    text = re.sub(r"\s", "", unicodedata.normalize("NFKC", written)).upper()
    return text if _BANK_REFERENCE.fullmatch(text) else None


def place_arrival(arrived: Arrival, *, asked: Arrival) -> Placement:
    """Say where a bank transfer goes: the wallet takes exactly what was asked; anything else waits for an officer."""
    return Placement.WALLET if arrived == asked else Placement.SUSPENSE
