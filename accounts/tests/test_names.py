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


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("Visit evil.example now", "Visit evil. example now"),
        ("www.evil.co.uk", "www. evil. co. uk"),
        ("evil\u3002example", "evil\u3002 example"),
        ("St.John", "St. John"),
        ("A.B.M.Rahman", "A.B.M. Rahman"),
        ("J.R.R. Tolkien", "J.R.R. Tolkien"),
        ("Sammy Davis, Jr.", "Sammy Davis, Jr."),
    ],
)
def test_a_dot_makes_no_link(written, kept):
    """A mail that greets a stranger by a name of anybody's choice would carry it as one."""
    assert normalise_name(written) == normalise_name(kept) == kept
