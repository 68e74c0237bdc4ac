"""Names of people, in the one form that is kept. Pure."""

from __future__ import annotations

import unicodedata

MAX_LENGTH = 100

_REFUSED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Nd"})
_JOINERS = frozenset("\u200c\u200d")
"""Persian and many scripts of India write with them."""
_OF_ADDRESSES = frozenset("/:@")
"""A name stands in mails to others: nothing in it becomes a link."""


class InvalidName(ValueError):
    """This is no name; the text says why."""


def normalise_name(text: str) -> str:
    """Return a name in any script, as its bearer writes it, in NFC and with single spaces.

    Raises InvalidName for control and formatting characters but joiners, for digits, for what addresses are written
    with, and for what has no letter.
    """
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if any((unicodedata.category(c) in _REFUSED and c not in _JOINERS) or c in _OF_ADDRESSES for c in name):
        raise InvalidName("A name has no digits, no control characters, and none of / : @.")
    if not any(unicodedata.category(c)[0] == "L" for c in name):
        raise InvalidName("A name has a letter.")
    return name
