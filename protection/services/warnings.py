"""Personal risk warnings: made out to an amount, confirmed in so many words. Source: docs/rules/protection.md §5."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from core.commands import command
from core.errors import NotFound
from ledger import amounts
from oversight import audit
from protection.errors import LossSimulationMissing
from protection.models import LossSimulation, RiskConfirmation, RiskWarning


@command
def show_warning(*, investor: Any, subject: str, amount: Decimal, currency: str, now: datetime) -> RiskWarning:
    """Make out a warning to the investor and what they would then have in `subject`. Raises LossSimulationMissing."""
    simulation = LossSimulation.objects.newest(investor, currency)
    if simulation is None:
        raise LossSimulationMissing(currency=currency)
    return RiskWarning.objects.create(simulation=simulation, subject=subject, amount=amount, shown_at=now)


@command
def confirm_warning(warning_id: UUID, *, investor: Any, now: datetime) -> RiskWarning:
    """Confirm that one has understood a warning; saying it twice keeps the first time. Raises NotFound."""
    found = RiskWarning.objects.select_related("simulation", "confirmation").filter(simulation__investor=investor)
    if not found.filter(pk=warning_id).exists():
        raise NotFound("There is no such warning.")
    own = RiskConfirmation(warning_id=warning_id, confirmed_at=now)
    RiskConfirmation.objects.bulk_create([own], ignore_conflicts=True)
    warning = found.get(pk=warning_id)
    if warning.confirmation.pk == own.pk:
        audit.record("protection.warning.confirmed", actor=investor, at=now, target=warning)
    return warning


def text(share: Decimal | None) -> str:
    """Return what the investor is told of an amount that is this share of what they declared."""
    told = "more than" if share is None else f"{amounts.percent(share, decimals=1)} of"
    return (
        f"This is {told} the net worth that you declared. You may lose all of it, no guarantee scheme makes it good,"
        " and you may not get it back when you need it. Confirm only if you could bear that."
    )
