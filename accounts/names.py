"""Names of people, in the one form that is kept. Pure."""

from __future__ import annotations

import unicodedata

MAX_LENGTH = 100

_DIRECTION_MARKS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class InvalidName(ValueError):
    """This is no name; the text says why."""


def normalise_name(text: str) -> str:
    """Return a name in any script, as its bearer writes it, in NFC and with single spaces.

    Raises InvalidName for control and formatting characters but joiners, and for what has no letter.
    """
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if any(unicodedata.category(c) in {"Cc", "Cs", "Co", "Cn"} or c in _DIRECTION_MARKS for c in name):
        raise InvalidName("A name has no control characters.")
    if not any(unicodedata.category(c)[0] == "L" for c in name):
        raise InvalidName("A name has a letter.")
    return name
