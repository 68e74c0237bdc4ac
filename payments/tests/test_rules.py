"""References that people copy by hand, and where money goes."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments import rules
from payments.rules import Arrival, Placement

numbers = st.integers(0, rules.REFERENCES - 1)


@given(numbers)
def test_a_reference_is_read_back_however_it_is_written(number):
    reference = rules.payment_reference(number)
    shown = rules.show_reference(reference)
    assert len(reference) == 10
    assert rules.read_reference(shown) == reference
    assert rules.read_reference(f" {shown.lower()} ") == reference


@given(numbers, st.integers(0, 9), st.sampled_from(rules.ALPHABET))
def test_one_wrong_character_is_found(number, place, character):
    reference = rules.payment_reference(number)
    wrong = reference[:place] + character + reference[place + 1 :]
    assert (rules.read_reference(wrong) == reference) is (wrong == reference)
    assert wrong == reference or rules.read_reference(wrong) is None


@given(numbers, st.integers(0, 9), st.integers(0, 9))
def test_two_characters_exchanged_are_found(number, one, other):
    characters = list(rules.payment_reference(number))
    before = "".join(characters)
    characters[one], characters[other] = characters[other], characters[one]
    after = "".join(characters)
    assert after == before or rules.read_reference(after) is None


def test_a_known_reference():
    # 2·A(0) + … + 10·C(1) = 10, so the check is the character at 23 - 10 = 13: R.
    assert rules.payment_reference(1) == "AAAAAAAACR"


@pytest.mark.parametrize("number", [-1, rules.REFERENCES])
def test_numbers_without_a_reference(number):
    with pytest.raises(ValueError, match="no reference"):
        rules.payment_reference(number)


def test_nothing_in_the_alphabet_is_taken_for_another():
    assert not set(rules.ALPHABET) & set("0O1IL5S2Z8BUV")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (" ft 2606-01/abc ", "FT2606-01/ABC"),
        ("ＦＴ２６", "FT26"),
        ("abc", None),
        ("", None),
        ("A" * 101, None),
        ("=1+1()", None),
        ("ΑΒΓΔ", None),
        ("AB\x00CD", None),
    ],
)
def test_bank_references_have_one_spelling(written, read):
    assert rules.read_bank_reference(written) == read


@pytest.mark.parametrize(
    ("amount", "currency", "placement"),
    [
        ("100", "USD", Placement.WALLET),
        ("100.00", "USD", Placement.WALLET),
        ("99.99", "USD", Placement.SUSPENSE),
        ("100.01", "USD", Placement.SUSPENSE),
        ("100", "EUR", Placement.SUSPENSE),
    ],
)
def test_only_what_was_asked_reaches_the_wallet(amount, currency, placement):
    asked = Arrival(Decimal(100), "USD")
    assert rules.place_arrival(Arrival(Decimal(amount), currency), asked=asked) is placement
