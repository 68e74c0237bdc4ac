"""What is taken for a name: whatever people are called, and nothing that a mail could read as a link."""

from __future__ import annotations

import csv
import unicodedata
from pathlib import Path

import pytest

from accounts.api.fields import NameField
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
        "J.R.R. Tolkien",
        "O.J.",
        "Muthu a/l Krishnan",
        "Siti D/O Raman",
        "Abdullah @ Ali",
    ],
)
def test_people_are_called_so(name):
    assert normalise_name(f"  {name} ") == name


NAMES = [row["name"] for row in csv.DictReader((Path(__file__).parent / "data/names.csv").open(encoding="utf-8"))]


def test_no_real_name_is_refused_or_changed():
    """People in 14 scripts, through the field that sign-up and profile share."""
    assert len(NAMES) == 515
    assert [NameField().run_validation(name) for name in NAMES] == [
        unicodedata.normalize("NFC", name) for name in NAMES
    ]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("A.P.J.Abdul Kalam", "A.P.J. Abdul Kalam"),
        ("Md.Rahman", "Md. Rahman"),
        ("www.evil.example", "www. evil. example"),
        ("t.me", "t. me"),
        ("evil.भारत", "evil. भारत"),
        ("evil。com", "evil。 com"),
    ],
)
def test_what_looks_like_a_host_is_one_no_more(written, kept):
    """Many programs make a link of it, in a mail that anybody can have sent to anybody."""
    assert normalise_name(written) == kept
    assert normalise_name(kept) == kept


@pytest.mark.parametrize(
    "said",
    [
        *"/:@",
        *"\u115f\u1160\u3164\uffa0\u2800",
        *"0٣९",
        *"\u200b\u200e\u202e\u2060\u2066\ufeff\u00ad\u061c",
        "\x00",
        "\ud800",
    ],
)
def test_nobody_is_called_so(said):
    for name in (f"Ana{said}", f"A{said}na"):
        with pytest.raises(InvalidName):
            normalise_name(name)


@pytest.mark.parametrize(
    "said",
    [
        "@",
        "a@b",
        "ana/lee",
        "a/lee",
        "a//b",
        "Win at evil.example/x",
        "https:evil",
        "a@evil.example",
        "Call 97123456",
        "",
        "-",
        "\u200d",
    ],
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
