"""The gate before an investment, the same for products and offers. Source: docs/rules/protection.md §1."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Literal

from django.db.models import Min

from core.errors import DomainError
from core.money import Money
from protection import errors, rules
from protection.models import Acceptance, Disclosure, Jurisdiction, KnowledgeResult, LossSimulation
from protection.services import warnings
from protection.services.jurisdictions import jurisdiction_of


def require_ready(investor: Any, *, subject: str, version: str, amount: Money, now: datetime) -> None:
    """Refuse who may not invest yet (step): the first thing that `missing` finds is raised.

    Raises DisclosureNotAccepted, KnowledgeTestMissing, LossSimulationMissing, CoolingOff, RiskWarningUnconfirmed.
    """
    for refusal in missing(investor, subject=subject, version=version, amount=amount, now=now):
        raise refusal


def require_incentive(investor: Any, incentive: Literal["commissions", "vip"]) -> None:
    """Refuse what the investor's jurisdiction keeps closed. Raises IncentiveClosed."""
    if not getattr(jurisdiction_of(investor), incentive):
        raise errors.IncentiveClosed(incentive=incentive)


def missing(investor: Any, *, subject: str, version: str, amount: Money, now: datetime) -> Iterator[DomainError]:
    """Name all that stands between an investor and an investment, in the order in which it is done.

    `version` is that of the key information sheet which holds for it; `amount` is what the investor would then have in
    `subject`, so that many small steps are warned of like a large one.
    """
    asked = jurisdiction_of(investor)
    sheet = Disclosure.objects.of(subject, version)
    if sheet is None or not sheet.acceptances.filter(investor=investor).exists():
        yield errors.DisclosureNotAccepted(disclosure=str(sheet.pk) if sheet else None)
    if asked.knowledge_test and not _knows(investor, asked, now):
        yield errors.KnowledgeTestMissing()
    simulation = _simulation(investor, asked, amount.currency, now) if asked.loss_simulation else None
    if asked.loss_simulation and simulation is None:
        yield errors.LossSimulationMissing(currency=amount.currency)
    until = _cools_until(investor, asked)
    if until is not None and until > now:
        yield errors.CoolingOff(until=until.isoformat())
    if asked.risk_warning and simulation is not None and not _is_warned(simulation, asked, subject, amount, now):
        yield errors.RiskWarningUnconfirmed(
            subject=subject, amount=f"{amount.amount.normalize():f}", currency=amount.currency
        )


def _knows(investor: Any, asked: Jurisdiction, now: datetime) -> bool:
    passed = KnowledgeResult.objects.last_passed(investor)
    return passed is not None and rules.years_after(passed.taken_at, asked.knowledge_years) > now


def _simulation(investor: Any, asked: Jurisdiction, currency: str, now: datetime) -> LossSimulation | None:
    """Return the newest figures in this currency, if they are fresh enough."""
    newest = LossSimulation.objects.newest(investor, currency)
    too_old = newest is None or newest.made_at + timedelta(days=asked.simulation_days) <= now
    return None if too_old else newest


def _cools_until(investor: Any, asked: Jurisdiction) -> datetime | None:
    """Return until when a first investment waits; None before the first acceptance, which is asked for anyway."""
    first: datetime | None = Acceptance.objects.filter(investor=investor).aggregate(first=Min("accepted_at"))["first"]
    return None if first is None else first + timedelta(hours=asked.cooling_off_hours)


def _is_warned(simulation: LossSimulation, asked: Jurisdiction, subject: str, amount: Money, now: datetime) -> bool:
    """Answer whether this is little enough, or a warning of as much was confirmed."""
    if not rules.needs_warning(amount.amount, simulation.figures.net_worth, share=asked.warning_share):
        return True
    return warnings.is_confirmed(simulation, subject=subject, amount=amount.amount, now=now)
