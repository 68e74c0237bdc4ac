"""The simulation of what an investor can bear to lose. Source: docs/rules/protection.md §4."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from core.commands import command
from ledger import amounts
from oversight import audit
from protection import rules
from protection.models import LossSimulation
from protection.services.jurisdictions import jurisdiction_of


@dataclass(frozen=True, slots=True)
class Simulated:
    """What an investor's figures bear, by the rules of their jurisdiction."""

    currency: str
    net_worth: Decimal
    bearable_loss: Decimal
    bearable_share: Decimal
    warning_share: Decimal
    made_at: datetime


@command
def simulate_losses(*, investor: Any, figures: rules.Figures, currency: str, now: datetime) -> Simulated:
    """Keep what an investor declares of a year's means, encrypted, and say what it bears. Raises PersonErased."""
    declared = LossSimulation.of(investor, figures, currency=currency, at=now)
    declared.save(force_insert=True)
    audit.record("protection.losses.simulated", actor=investor, at=now, target=declared, after={"currency": currency})
    asked = jurisdiction_of(investor)
    exponent = amounts.exponent_of(currency)
    return Simulated(
        currency=currency,
        net_worth=figures.net_worth,
        bearable_loss=rules.bearable_loss(figures.net_worth, share=asked.bearable_share, exponent=exponent),
        bearable_share=asked.bearable_share,
        warning_share=asked.warning_share,
        made_at=now,
    )
