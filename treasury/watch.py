"""What a closed day's coverage makes somebody look at: open alerts, raised again each day that it stays so."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Final

from ledger import amounts
from ledger.models import Currency
from oversight import alerts
from treasury import rules
from treasury.models import Coverage, CoveragePart

BELOW: Final = "treasury.coverage-below"
NEGATIVE: Final = "treasury.cash-negative"
WHOLE: Final = Decimal(1)


def raise_alerts(rows: Iterable[Coverage], parts: Iterable[CoveragePart], *, now: datetime) -> None:
    """Raise an alert for each currency under 100 % and each cash account that the books show overdrawn. A step."""
    exponents = dict(Currency.objects.values_list("code", "exponent"))
    for row in rows:
        if row.ratio is not None and row.ratio < WHOLE:
            alerts.raise_alert(
                BELOW,
                title=f"Coverage of {row.currency_id} is {amounts.percent(row.ratio, decimals=4)}",
                detail=f"On {row.day_id}: {_missing(row, exponents[row.currency_id])}.",
                severity="critical",
                at=now,
                target=row,
                dedupe=row.currency_id,
            )
    for part in parts:
        if part.kind == CoveragePart.Kind.CASH and part.book < 0:
            currency = part.coverage.currency_id
            alerts.raise_alert(
                NEGATIVE,
                title=f"The books show {part.scope} overdrawn in {currency}",
                detail=f"{part.book:.{exponents[currency]}f} {currency} at the end of {part.coverage.day_id}.",
                severity="critical",
                at=now,
                target=part.coverage,
                dedupe=f"{part.scope}:{currency}",
            )


def _missing(row: Coverage, exponent: int) -> str:
    names = ("shortfall", "receivable", "fx", "unconfirmed_cash", "unconfirmed_deployed")
    amounts = [(name.replace("_", " "), rules.total([getattr(row, name)])) for name in names]
    return ", ".join(f"{name} {amount:.{exponent}f}" for name, amount in amounts if amount)
