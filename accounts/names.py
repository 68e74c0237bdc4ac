"""Names of people, in the one form that is kept. Pure."""

from __future__ import annotations

import re
import unicodedata

MAX_LENGTH = 100

_REFUSED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Nd"})
_JOINERS = frozenset("\u200c\u200d")
"""Persian and many scripts of India write with them."""
_OF_ADDRESSES = frozenset("/:@")
_DOT_OF_A_HOST = re.compile(r"[.\u3002\uff0e\uff61](?=[^\s.,'’-]{2})")
"""A name stands in mails to others: nothing in it becomes a link, as what looks like a host does in many."""
_OF_NAMES = re.compile(r"(?<!\S)(?:[^\W\d_]/[^\W\d_]|@)(?!\S)")
"""What stands on identity cards of Malaysia and Singapore: a/l and s/o, "son of", and @, "also called"."""
_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800")
"""Letters to Unicode, and nothing to the eye: fillers of Hangul, and Braille without a dot."""


class InvalidName(ValueError):
    """This is no name; the text says why."""


def normalise_name(text: str) -> str:
    """Return a name in any script, as its bearer writes it, in NFC, with single spaces and one after an abbreviation.

    Raises InvalidName for control and formatting characters but joiners, for digits, for what addresses are written
    with, for what can't be seen, and for what has no letter.
    """
    spaced = _DOT_OF_A_HOST.sub(r"\g<0> ", unicodedata.normalize("NFC", text))
    name = " ".join(spaced.split())
    if any(_is_refused(character) for character in _OF_NAMES.sub("", name)):
        raise InvalidName("A name has no digits, no control characters, and none of / : @.")
    if not any(unicodedata.category(c)[0] == "L" for c in name):
        raise InvalidName("A name has a letter.")
    return name


def _is_refused(character: str) -> bool:
    if character in _OF_ADDRESSES | _BLANK:
        return True
    return unicodedata.category(character) in _REFUSED and character not in _JOINERS
