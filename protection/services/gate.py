"""The gate before an investment, the same for products and offers. Source: docs/rules/protection.md §1."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Literal

from core.errors import DomainError
from core.money import Money
from protection import errors, rules
from protection.models import Jurisdiction
from protection.services import warnings
from protection.services.jurisdictions import jurisdiction_of
from protection.services.standing import Standing


def require_ready(investor: Any, *, subject: str, version: str, amount: Money, now: datetime) -> Jurisdiction:
    """Refuse who may not invest yet (step): the first thing that `missing` finds is raised; return what holds for them.

    Raises DisclosureNotAccepted, KnowledgeTestMissing, LossSimulationMissing, CoolingOff, RiskWarningUnconfirmed.
    """
    standing = _standing(investor, subject, version, amount.currency, now)
    for refusal in _missing(standing, subject, amount, now):
        raise refusal
    return standing.asked


def missing(investor: Any, *, subject: str, version: str, amount: Money, now: datetime) -> Iterator[DomainError]:
    """Name all that stands between an investor and an investment, in the order in which it is done.

    `version` is that of the key information sheet which holds for it; `amount` is what the investor would then have in
    `subject`, so that many small steps are warned of like a large one.
    """
    return _missing(_standing(investor, subject, version, amount.currency, now), subject, amount, now)


def require_incentive(investor: Any, incentive: Literal["commissions", "vip"]) -> None:
    """Refuse what the investor's jurisdiction keeps closed. Raises IncentiveClosed."""
    if not getattr(jurisdiction_of(investor), incentive):
        raise errors.IncentiveClosed(incentive=incentive)


def _standing(investor: Any, subject: str, version: str, currency: str, now: datetime) -> Standing:
    since = now - warnings.HOLDS
    return Standing.of(investor, subject=subject, version=version, currency=currency, confirmed_since=since)


def _missing(standing: Standing, subject: str, amount: Money, now: datetime) -> Iterator[DomainError]:
    asked, simulation = standing.asked, standing.simulation
    if not standing.has_accepted:
        yield errors.DisclosureNotAccepted(disclosure=str(standing.sheet) if standing.sheet else None)
    if asked.knowledge_test and not _knows(standing, now):
        yield errors.KnowledgeTestMissing()
    if simulation is not None and simulation.made_at + timedelta(days=asked.simulation_days) <= now:
        simulation = None
    if asked.loss_simulation and simulation is None:
        yield errors.LossSimulationMissing(currency=amount.currency)
    # Before the first acceptance there is nothing to wait for: that is asked for anyway.
    first = standing.first_accepted_at
    if first is not None and first + timedelta(hours=asked.cooling_off_hours) > now:
        yield errors.CoolingOff(until=(first + timedelta(hours=asked.cooling_off_hours)).isoformat())
    if asked.risk_warning and simulation is not None and not _is_warned(standing, amount):
        yield errors.RiskWarningUnconfirmed(
            subject=subject, amount=f"{amount.amount.normalize():f}", currency=amount.currency
        )


def _knows(standing: Standing, now: datetime) -> bool:
    passed = standing.passed_at
    return passed is not None and rules.years_after(passed, standing.asked.knowledge_years) > now


def _is_warned(standing: Standing, amount: Money) -> bool:
    """Answer whether this is little enough, or a warning of as much was confirmed."""
    if standing.warned_of is not None and standing.warned_of >= amount.amount:
        return True
    assert standing.simulation is not None
    net_worth = standing.simulation.figures.net_worth
    return not rules.needs_warning(amount.amount, net_worth, share=standing.asked.warning_share)
