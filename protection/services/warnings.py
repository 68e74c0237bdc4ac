"""Personal risk warnings: made out to an amount, confirmed in so many words."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from core.commands import command
from core.errors import NotFound
from protection import rules
from protection.errors import LossSimulationMissing
from protection.models import LossSimulation, RiskWarning

HOLDS = timedelta(days=1)
"""How long a confirmed warning stands for an investment of that amount or less."""


@command
def show_warning(*, investor: Any, subject: str, amount: Decimal, currency: str, now: datetime) -> RiskWarning:
    """Make out a warning to the investor and this amount. Raises LossSimulationMissing."""
    if LossSimulation.objects.newest(investor, currency) is None:
        raise LossSimulationMissing(currency=currency)
    return RiskWarning.objects.create(
        investor=investor, subject=subject, currency_id=currency, amount=amount, shown_at=now
    )


@command
def confirm_warning(warning_id: UUID, *, investor: Any, now: datetime) -> RiskWarning:
    """Confirm that one has understood a warning; saying it twice changes nothing. Raises NotFound."""
    row = RiskWarning.objects.lock(warning_id)
    if row is None or row.investor_id != investor.pk:
        raise NotFound("There is no such warning.")
    if row.confirmed_at is None:
        row.confirmed_at = now
        row.save(update_fields=["confirmed_at"])
    return row


def is_confirmed(investor: Any, *, subject: str, amount: Decimal, currency: str, now: datetime) -> bool:
    """Answer whether the investor has confirmed a warning of this amount, or of more, within a day."""
    found = RiskWarning.objects.confirmed(investor, subject=subject, currency=currency, since=now - HOLDS)
    return found.filter(amount__gte=amount).exists()


def share(warning: RiskWarning) -> Decimal | None:
    """Return the warned amount's share of the declared net worth; None where that isn't above zero."""
    simulation = LossSimulation.objects.newest(warning.investor, warning.currency_id)
    return rules.share_of(warning.amount, simulation.figures.net_worth) if simulation else None


def text(part: Decimal | None) -> str:
    """Return what the investor is told; `part` as `share` gives it."""
    told = "more than" if part is None else f"{part * 100:.1f} % of"
    return (
        f"This is {told} the net worth that you declared. You may lose all of it, no guarantee scheme makes it good,"
        " and you may not get it back when you need it. Confirm only if you could bear that."
    )
