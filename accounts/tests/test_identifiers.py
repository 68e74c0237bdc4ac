import csv
from pathlib import Path

import pytest

from accounts import identifiers
from accounts.identifiers import InvalidIdentifier, normalise, normalise_email, normalise_phone

PHONES = list(csv.DictReader((Path(__file__).parent / "data/phones.csv").open(encoding="utf-8")))
# What libphonenumber refuses as too short, and we read as the number that it became.
BECAME = {
    "+22997123456": "+2290197123456",
    "+22996123456": "+2290196123456",
    "+22995123456": "+2290195123456",
    "+22966123456": "+2290166123456",
    "+22961123456": "+2290161123456",
    "+22990123456": "+2290190123456",
    "+22921301234": "+2290121301234",
    "+22969123456": "+2290169123456",
    "+22507123456": "+2250707123456",
    "+22508123456": "+2250708123456",
    "+22505123456": "+2250505123456",
    "+22544123456": "+2250544123456",
    "+22501123456": "+2250101123456",
    "+22520301234": "+2252720301234",
}


@pytest.mark.parametrize("row", PHONES, ids=lambda row: f"{row['default_region']} {row['input']}")
def test_a_phone_number_is_what_libphonenumber_says_but_for_those_that_grew(row):
    expected = BECAME.get(row["input"]) or (row["e164"] if row["libphonenumber"] == "valid" else None)
    if expected is None:
        with pytest.raises(InvalidIdentifier):
            normalise_phone(row["input"], region=row["default_region"])
    else:
        assert normalise_phone(row["input"], region=row["default_region"]) == expected


def test_every_number_of_the_table_that_grew_is_in_the_file():
    assert {row["input"] for row in PHONES} >= BECAME.keys()


@pytest.mark.parametrize(
    "writing",
    [
        "97123456",
        "97 12 34 56",
        "+22997123456",
        "+229 97-12-34-56",
        "0022997123456",
        "0197123456",
        "+2290197123456",
        "tel:+2290197123456",
        "٩٧١٢٣٤٥٦",
        "+２２９９７１２３４５６",
        "+2290197123456\u202e",
        "\u200f+229 01 97 12 34 56",
    ],
)
def test_all_writings_of_a_beninese_number_are_one(writing):
    assert normalise_phone(writing, region="BJ") == "+2290197123456"


@pytest.mark.parametrize(
    "text",
    ["", " ", "+", "+229", "1-800-FLOWERS", "+2290197123456 ext. 7", "+22901971234'56", "9" * 65, "+٠", "²²⁹", "0x1F4"],
)
def test_what_is_no_phone_number_is_refused(text):
    with pytest.raises(InvalidIdentifier):
        normalise_phone(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ana@Example.COM", "ana@example.com"),
        ("  ana@example.com\n", "ana@example.com"),
        ("JOSE\u0301@example.com".replace("E\u0301", "E"), "jose@example.com"),
        ("ANA@EXAMPLE.COM", "ana@example.com"),
    ],
)
def test_an_address_has_one_form(text, expected):
    assert normalise_email(text) == expected


@pytest.mark.parametrize(
    "text", ["", "@", "ana@", "@example.com", "a b@example.com", "ana@exa\x00mple.com", "x" * 250 + "@a.bj"]
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(InvalidIdentifier):
        normalise_email(text)


def test_an_identifier_with_an_at_sign_is_an_address():
    assert normalise("Ana@example.com") == "ana@example.com"
    assert normalise("97123456") == "+2290197123456"


def test_a_mask_shows_too_little_to_use():
    assert identifiers.mask("ana@example.com") == "a…@example.com"
    assert identifiers.mask("+2290197123456") == "+229…56"
    assert identifiers.mask("") == ""
