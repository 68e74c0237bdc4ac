"""Amounts as the API takes and gives them."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework import serializers

from api.parsers import ExactNumber
from ledger import amounts
from ledger.fields import AmountField, CurrencyField, DayField, MoneySerializerMixin


class Form(MoneySerializerMixin, serializers.Serializer):
    amount = AmountField()
    currency = CurrencyField()


def read(raw: str, currency: str = "USD") -> Decimal | set[str]:
    """What a raw JSON value becomes: an amount, or the codes of what is wrong with it."""
    form = Form(data={"amount": json.loads(raw, parse_float=ExactNumber), "currency": currency})
    if form.is_valid():
        return form.validated_data["amount"]
    return {error.code for error in form.errors["amount"]}


@pytest.mark.parametrize(
    ("raw", "currency", "exact"),
    [
        ('"250.00"', "USD", "250.00"),
        ("250", "USD", "250"),
        ("250.5", "USD", "250.5"),
        ('"0.01"', "USD", "0.01"),
        ("0.1", "USD", "0.1"),
        ("100", "XOF", "100"),
        ("0.00000001", "BTC", "0.00000001"),
        ('"999999999999999.99"', "USD", "999999999999999.99"),
    ],
)
def test_what_is_taken_is_exact(raw: str, currency: str, exact: str) -> None:
    taken = read(raw, currency)
    assert isinstance(taken, Decimal)
    assert taken.as_tuple() == Decimal(exact).as_tuple()


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ('"NaN"', "malformed"),
        ("1e2", "malformed"),
        ("1.5e1", "malformed"),
        ("1e-1", "malformed"),
        ('"1E2"', "malformed"),
        ('"+100"', "malformed"),
        ('"00100"', "malformed"),
        ('"5."', "malformed"),
        ('".5"', "malformed"),
        ('" 100"', "malformed"),
        ('"100\\n"', "malformed"),
        ('"1_000"', "malformed"),
        ('"١٠٠"', "malformed"),
        ('"１００"', "malformed"),
        ('"−5"', "malformed"),
        ("true", "malformed"),
        ("[1]", "malformed"),
        ("0", "not_positive"),
        ("-0.0", "not_positive"),
        ('"0.00"', "not_positive"),
        ("-1", "not_positive"),
        ('"-1.00"', "not_positive"),
        ('"1000000000000000"', "too_large"),
        ("9007199254740993", "too_large"),
        ('"' + "9" * 5000 + '"', "too_large"),
        ("0.30000000000000004", "too_precise"),
        ('"100.005"', "too_precise"),
        ('"100.000"', "too_precise"),
    ],
)
def test_what_is_refused(raw: str, code: str) -> None:
    assert read(raw) == {code}


@pytest.mark.parametrize("raw", ["100.0", '"100.0"', '"100.50"'])
def test_a_currency_without_decimals(raw: str) -> None:
    assert read(raw, "XOF") == {"too_precise"}


def test_an_unknown_currency_is_what_is_wrong() -> None:
    for currency in ("usd", "ZZZ", "", 1, None, ["USD"], {"USD": 1}, True):
        form = Form(data={"amount": "1", "currency": currency})
        assert not form.is_valid()
        assert set(form.errors) == {"currency"}


def test_a_form_without_a_currency_is_told_it() -> None:
    class Fund(MoneySerializerMixin, serializers.Serializer):
        amount = AmountField()

    assert Fund(data={"amount": "1.50"}, context={"currency": "USD"}).is_valid()
    assert not Fund(data={"amount": "1.50"}, context={"currency": "XOF"}).is_valid()


@given(st.text())
def test_any_text_is_an_amount_or_refused(text: str) -> None:
    form = Form(data={"amount": text, "currency": "USD"})
    if form.is_valid():
        assert text.isascii()
        assert format(form.validated_data["amount"], "f") == text


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=0, max_value=10**14, places=2))
def test_what_is_written_is_read_back(amount: Decimal) -> None:
    written = amounts.format_amount(amount, "USD")
    assert written == f"{amount:.2f}"
    assert Decimal(written) == amount


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [
        ("100.000000000000000000", "USD", "100.00"),
        ("3000.000000000000000000", "XOF", "3000"),
        ("0E-18", "USD", "0.00"),
        ("-0.5", "USD", "-0.50"),
        ("-0", "XOF", "0"),
        ("1E+3", "XOF", "1000"),
        ("0.833333333333333333", "USD", "0.833333333333333333"),
    ],
)
def test_amounts_are_written_with_their_currencys_decimals(amount: str, currency: str, written: str) -> None:
    assert amounts.format_amount(Decimal(amount), currency) == written


def test_amounts_for_people() -> None:
    assert amounts.show(Decimal("1234567.5"), "USD") == "1,234,567.50 USD"
    assert amounts.show(Decimal("-0.5"), "USD") == "-0.50 USD"
    assert amounts.show(Decimal(3000), "XOF") == "3,000 XOF"


@pytest.mark.parametrize("text", ["2026-6-1", "20260601", "2026-W01-1", "٢٠٢٦-٠٦-٠١", "2026-02-30", "", 20260601, None])
def test_days_are_written_in_one_way(text: object) -> None:
    with pytest.raises(serializers.ValidationError):
        DayField().run_validation(text)
