"""Names of people, in the one form that is kept. Pure."""

from __future__ import annotations

import re
import unicodedata

MAX_LENGTH = 100

_REFUSED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Nd"})
_JOINERS = frozenset("\u200c\u200d")
"""Persian and many scripts of India write with them."""
_OF_ADDRESSES = frozenset("/:@")
"""A name stands in mails to others: nothing in it becomes a link."""
_DOT_IN_A_HOST = re.compile("([.\u3002\uff0e\uff61])(?=\\w\\w)")
"""What mail programs and browsers read as evil.example; an initial (J.R.) is none."""


class InvalidName(ValueError):
    """This is no name; the text says why."""


def normalise_name(text: str) -> str:
    """Return a name in any script, as its bearer writes it, in NFC and with single spaces, one after a dot.

    Raises InvalidName for control and formatting characters but joiners, for digits, for what addresses are written
    with, and for what has no letter.
    """
    name = _DOT_IN_A_HOST.sub(r"\1 ", " ".join(unicodedata.normalize("NFC", text).split()))
    if any((unicodedata.category(c) in _REFUSED and c not in _JOINERS) or c in _OF_ADDRESSES for c in name):
        raise InvalidName("A name has no digits, no control characters, and none of / : @.")
    if not any(unicodedata.category(c)[0] == "L" for c in name):
        raise InvalidName("A name has a letter.")
    return name
