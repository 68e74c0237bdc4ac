"""How amounts are written for people."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ledger import amounts


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("28900", "USDT", "28,900.00 USDT"),
        ("0.45", "USDT", "0.45 USDT"),
        ("1234.567891", "USDT", "1,234.567891 USDT"),
        ("0.00000001", "BTC", "0.00000001 BTC"),
        ("-1234.5", "USD", "-1,234.50 USD"),
        ("3585000", "XOF", "3,585,000 XOF"),
        ("0.0219178", "USD", "0.0219178 USD"),
    ],
)
def test_decimals_that_say_nothing_are_left_out(amount: str, currency: str, shown: str) -> None:
    assert amounts.show(Decimal(amount), currency) == shown


@pytest.mark.parametrize(
    ("fraction", "decimals", "shown"),
    [
        ("0.0825", None, "8.25 %"),
        ("1.000000", None, "100 %"),
        ("12.5", None, "1,250 %"),
        ("0.000000000001", None, "0.0000000001 %"),
        ("0.99999", 2, "99.99 %"),
        ("-0.99999", 2, "-99.99 %"),
        ("12345678901234567890123456789012.345678", 4, "1,234,567,890,123,456,789,012,345,678,901,234.5678 %"),
    ],
)
def test_per_cent_is_whole_or_cut(fraction: str, decimals: int | None, shown: str) -> None:
    assert amounts.percent(Decimal(fraction), decimals=decimals) == shown


def test_a_cut_amount_never_looks_larger() -> None:
    assert amounts.cut(Decimal("0.999999999999999999"), "USD") == Decimal("0.99")
    assert amounts.cut(Decimal("-0.999"), "XOF") == 0


def test_a_change_says_its_sign() -> None:
    shown = [amounts.change(Decimal(each), "USD") for each in ("1234.5", "-1234.5", "0")]
    assert shown == ["+1,234.50 USD", "-1,234.50 USD", "0.00 USD"]
