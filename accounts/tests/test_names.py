"""What is taken for a name: whatever people are called, and nothing that a mail could read as a link."""

from __future__ import annotations

import pytest

from accounts.names import InvalidName, normalise_name


@pytest.mark.parametrize(
    "name",
    [
        "Ana",
        "O'Neil",
        "N’Guessan",
        "Jean-Baptiste",
        "Sammy Davis, Jr.",
        "María José",
        "Ọlátúnjí",
        "Ɖɔkpo",
        "ǃXóõ",
        "Д’Артаньян",
        "李小龍",
        "محمد",
        "می‌خواهم",
        "क्‍ष",
        "Ångström",
    ],
)
def test_people_are_called_so(name):
    assert normalise_name(f"  {name} ") == name


@pytest.mark.parametrize(
    "said", [*"/:@", *"0٣९", *"\u200b\u200e\u202e\u2060\u2066\ufeff\u00ad\u061c", "\x00", "\ud800"]
)
def test_nobody_is_called_so(said):
    for name in (f"Ana{said}", f"A{said}na"):
        with pytest.raises(InvalidName):
            normalise_name(name)


@pytest.mark.parametrize(
    "said", ["Win at evil.example/x", "https:evil", "a@evil.example", "Call 97123456", "", "-", "\u200d"]
)
def test_what_leads_somewhere_or_says_nothing_is_no_name(said):
    with pytest.raises(InvalidName):
        normalise_name(said)
