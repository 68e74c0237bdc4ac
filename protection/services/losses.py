"""The simulation of what an investor can bear to lose."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from core.commands import command
from ledger import amounts
from protection import rules
from protection.models import LossSimulation
from protection.services.jurisdictions import jurisdiction_of


@command
def simulate_losses(*, investor: Any, figures: rules.Figures, currency: str, now: datetime) -> LossSimulation:
    """Keep what an investor declares of a year's means, encrypted, and with it what they can bear to lose."""
    row = LossSimulation.of(investor, figures, currency=currency, at=now)
    row.save(force_insert=True)
    return row


def bearable(simulation: LossSimulation, *, investor: Any) -> Decimal:
    """Return the loss that the declared net worth bears in the investor's jurisdiction."""
    return rules.bearable_loss(
        simulation.figures.net_worth,
        share=jurisdiction_of(investor).bearable_share,
        exponent=amounts.exponent_of(simulation.currency_id),
    )
