"""What anyone may read of coverage: days with their seals, and nothing that would show a person.

A day, a currency or a product's debts with fewer than 20 people behind them are withheld, and say so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final

from ledger.models import Currency, Seal
from treasury import rules
from treasury.models import Coverage, CoverageDay, CoveragePart, ProductCoverage

TOO_FEW: Final = "fewer-than-20-investors"
NOTES: Final = {
    "shortfall": "Losses and costs that the firm has not made good yet.",
    "receivable": "Owed to the clients by persons; never counted as money.",
    "fx": "Money taken in one currency and credited in another, until the treasury converts it.",
    "unconfirmed_cash": "In the books, but not confirmed by a bank statement of the last 3 days.",
    "unconfirmed_deployed": "At work at cost, but not confirmed by a valuation of the last 90 days.",
}

Document = dict[str, Any]


def document_of(days: Sequence[CoverageDay], *, currency: str = "") -> list[Document]:
    """Return days as they are published, in the order given; six queries, however many days."""
    dates = [day.pk for day in days]
    exponents = dict(Currency.objects.values_list("code", "exponent"))
    seals = {
        day: bytes(sha256).hex()
        for day, sha256 in Seal.objects.filter(day_id__in=dates).values_list("day_id", "sha256")
    }
    rows = Coverage.objects.filter(day_id__in=dates).prefetch_related("parts__asset").order_by("currency_id")
    products = ProductCoverage.objects.filter(day_id__in=dates).order_by("scope", "currency_id")
    if currency:
        rows, products = rows.filter(currency_id=currency), products.filter(currency_id=currency)
    by_day: dict[date, tuple[list[Document], list[Document]]] = defaultdict(lambda: ([], []))
    for row in rows:
        by_day[row.day_id][0].append(_currency(row, exponents[row.currency_id]))
    for product in products:
        by_day[product.day_id][1].append(_product(product, exponents[product.currency_id]))
    return [_day(day, seals.get(day.pk), *by_day[day.pk]) for day in days]


def _day(day: CoverageDay, seal: str | None, currencies: list[Document], products: list[Document]) -> Document:
    is_published = day.investors >= rules.MINIMUM_INVESTORS
    return {
        "day": day.pk.isoformat(),
        "published": is_published,
        "reason": None if is_published else TOO_FEW,
        "seal": seal,
        "digest": bytes(day.digest).hex(),
        "rate_ceiling": None if day.rate_ceiling is None else f"{day.rate_ceiling:.6f}",
        "currencies": currencies if is_published else [],
        "products": products if is_published else [],
    }


def _currency(row: Coverage, exponent: int) -> Document:
    if row.investors < rules.MINIMUM_INVESTORS:
        return {"currency": row.currency_id, "published": False, "reason": TOO_FEW, "figures": None}

    def money(*names: str) -> dict[str, str]:
        return {name: _amount(getattr(row, name), exponent) for name in names}

    parts = list(row.parts.all())
    figures = {
        "coverage": None if row.ratio is None else f"{row.ratio:.6f}",
        "confirmed": _amount(row.confirmed, exponent),
        "claims": {"total": _amount(row.claims, exponent), **money(*rules.CLAIMS)},
        "ring_fenced": {"total": _amount(row.ring_fenced, exponent), **money(*rules.RING_FENCED)},
        "own": {"total": _amount(row.own, exponent), **money(*rules.OWN)},
        "books": money("cash", "deployed"),
        "missing": {
            "total": _amount(_missing(row), exponent),
            **money("receivable", "shortfall", "fx", "unconfirmed_cash", "unconfirmed_deployed"),
        },
        "notes": [text for name, text in NOTES.items() if getattr(row, name)],
        "cash": [_cash(part, exponent) for part in parts if part.kind == CoveragePart.Kind.CASH],
        "assets": [_asset(part, exponent) for part in parts if part.kind == CoveragePart.Kind.DEPLOYED],
    }
    return {"currency": row.currency_id, "published": True, "reason": None, "figures": figures}


def _missing(row: Coverage) -> Decimal:
    return rules.total([row.receivable, row.shortfall, row.fx, row.unconfirmed])


def _cash(part: CoveragePart, exponent: int) -> Document:
    return {
        "account": part.scope,
        "book": _amount(part.book, exponent),
        "statement_on": part.evidence_on,
        "statement": _known(part.evidence_amount, exponent),
        "counts": part.is_evidenced,
        "confirmed": _amount(part.confirmed, exponent),
        "unconfirmed": _amount(part.unconfirmed, exponent),
    }


def _asset(part: CoveragePart, exponent: int) -> Document:
    assert part.asset is not None
    return {
        "asset": part.asset_id,
        "name": part.asset.name,
        "product": part.scope.partition(":")[2],
        "cost": _amount(part.book, exponent),
        "valued_on": part.evidence_on,
        "valuation": _known(part.evidence_amount, exponent),
        "counts": part.is_evidenced,
        "confirmed": _amount(part.confirmed, exponent),
        "unconfirmed": _amount(part.unconfirmed, exponent),
        "income_received": _amount(part.income, exponent),
        "income_from_related": _amount(part.related_income, exponent),
        "related_to_firm": part.has_related_counterparty,
    }


def _product(row: ProductCoverage, exponent: int) -> Document:
    is_withheld = 0 < row.investors < rules.MINIMUM_INVESTORS

    def debt(amount: Decimal) -> str | None:
        return None if is_withheld else _amount(rules.rounded_up(amount, exponent), exponent)

    return {
        "product": row.scope.partition(":")[2],
        "name": row.name,
        "currency": row.currency_id,
        "pool": _amount(row.pool, exponent),
        "reserved": _amount(row.reserved, exponent),
        "covers_what_is_owed": row.is_covered,
        "owed": debt(row.owed),
        "accrued": debt(row.accrued),
        "mean_accrual": debt(row.mean_accrual),
        "days_of_cover": None if is_withheld or row.days_of_cover is None else f"{row.days_of_cover:.1f}",
        "withheld": TOO_FEW if is_withheld else None,
        "income_received": _amount(row.income_received, exponent),
        "income_from_related": _amount(row.related_income_received, exponent),
        "firm_capital_received": _amount(row.firm_capital_received, exponent),
        "released": _amount(row.released, exponent),
        "above_rate_ceiling": row.above_rate_ceiling,
        "yearly_rate": None if row.yearly_rate is None else f"{row.yearly_rate:.6f}",
    }


def _amount(amount: Decimal, exponent: int) -> str:
    return f"{amount:.{exponent}f}"


def _known(amount: Decimal | None, exponent: int) -> str | None:
    return None if amount is None else _amount(amount, exponent)
