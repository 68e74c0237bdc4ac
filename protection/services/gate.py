"""The gate before an investment, the same for products and offers. Source: docs/rules/protection.md §1."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from core.errors import DomainError
from core.money import Money
from protection import errors, rules
from protection.models import Jurisdiction, RiskConfirmation
from protection.services.jurisdictions import jurisdiction_of
from protection.services.standing import Standing

HOLDS: Final = timedelta(days=14)
"""How long a confirmed warning stands: a bank transfer that was announced with it arrives meanwhile."""


def require_ready(investor: Any, *, subject: str, version: str, amount: Money, now: datetime) -> Jurisdiction:
    """Refuse who may not invest yet (step): as `require`, of what is read now. `version` is that of the sheet."""
    standing = Standing.of(investor, subject=subject, version=version, currency=amount.currency)
    return require(standing, amount=amount, now=now)


def require(standing: Standing, *, amount: Money, now: datetime) -> Jurisdiction:
    """Refuse who may not invest yet: the first thing that `missing` finds is raised; return what holds for them.

    Raises DisclosureNotAccepted, KnowledgeTestMissing, LossSimulationMissing, CoolingOff, RiskWarningUnconfirmed.
    """
    for refusal in missing(standing, amount=amount, now=now):
        raise refusal
    return standing.asked


def require_incentive(investor: Any, incentive: Literal["commissions", "vip"]) -> None:
    """Refuse what the investor's jurisdiction keeps closed. Raises IncentiveClosed."""
    if not getattr(jurisdiction_of(investor), incentive):
        raise errors.IncentiveClosed(incentive=incentive)


def missing(standing: Standing, *, amount: Money, now: datetime) -> Iterator[DomainError]:
    """Name all that stands between an investor and an investment, in the order in which it is done.

    `amount` is what the investor would then have in the subject, so that many small steps are warned of like a large
    one.
    """
    asked = standing.asked
    if not standing.has_accepted:
        yield errors.DisclosureNotAccepted(disclosure=str(standing.sheet) if standing.sheet else None)
    if asked.knowledge_test and not _knows(standing, now):
        yield errors.KnowledgeTestMissing()
    has_declared = _has_declared(standing, now)
    if asked.loss_simulation and not has_declared:
        yield errors.LossSimulationMissing(currency=amount.currency)
    # Before the first acceptance there is nothing to wait for: that is asked for anyway.
    first = standing.first_accepted_at
    if first is not None and first + timedelta(hours=asked.cooling_off_hours) > now:
        yield errors.CoolingOff(until=(first + timedelta(hours=asked.cooling_off_hours)).isoformat())
    if asked.risk_warning and has_declared and not _is_warned(standing, amount, now):
        yield errors.RiskWarningUnconfirmed(
            subject=standing.subject, amount=f"{amount.amount.normalize():f}", currency=amount.currency
        )


def _knows(standing: Standing, now: datetime) -> bool:
    passed = standing.passed_at
    return passed is not None and rules.years_after(passed, standing.asked.knowledge_years) > now


def _has_declared(standing: Standing, now: datetime) -> bool:
    """Answer whether there are figures, and fresh enough."""
    declared = standing.declared_at
    return declared is not None and declared + timedelta(days=standing.asked.simulation_days) > now


def _is_warned(standing: Standing, amount: Money, now: datetime) -> bool:
    """Answer whether this is little enough, or a warning of as much, made out from the same figures, was confirmed."""
    if not rules.needs_warning(amount.amount, standing.net_worth(), share=standing.asked.warning_share):
        return True
    confirmed = RiskConfirmation.objects.filter(confirmed_at__gt=now - HOLDS, warning__amount__gte=amount.amount)
    return confirmed.filter(warning__simulation=standing.simulation, warning__subject=standing.subject).exists()
