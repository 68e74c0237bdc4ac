"""The gate before an investment, the same for products and offers: what is missing, and the first thing to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from core.errors import DomainError
from core.money import Money
from protection import errors, rules
from protection.models import Acceptance, Disclosure, Jurisdiction, KnowledgeResult, LossSimulation
from protection.services import warnings
from protection.services.jurisdictions import jurisdiction_of


@dataclass(frozen=True, slots=True)
class Readiness:
    """What still stands between an investor and an investment; empty when nothing does."""

    missing: tuple[DomainError, ...]

    @property
    def is_ready(self) -> bool:
        return not self.missing


def require_ready(investor: Any, *, subject: str, version: str, amount: Money, now: datetime) -> Disclosure:
    """Return the accepted sheet of `subject`; refuse who may not invest this amount yet (step).

    `version` is that of the present key information sheet. Raises DisclosureNotAccepted, KnowledgeTestMissing,
    LossSimulationMissing, CoolingOff, RiskWarningUnconfirmed.
    """
    for refusal in _missing(investor, subject=subject, version=version, amount=amount, now=now):
        raise refusal
    return Disclosure.objects.get(subject=subject, version=version)


def readiness(investor: Any, *, subject: str, version: str, amount: Money, now: datetime) -> Readiness:
    """Return all that is missing, in the order in which it is done."""
    return Readiness(tuple(_missing(investor, subject=subject, version=version, amount=amount, now=now)))


def require_incentive(investor: Any, incentive: str) -> None:
    """Refuse what the investor's jurisdiction keeps closed: "commissions" or "vip". Raises IncentiveClosed."""
    if not getattr(jurisdiction_of(investor), incentive):
        raise errors.IncentiveClosed(incentive=incentive)


def _missing(investor: Any, *, subject: str, version: str, amount: Money, now: datetime) -> Iterator[DomainError]:
    asked = jurisdiction_of(investor)
    sheet = Disclosure.objects.filter(subject=subject, version=version).first()
    if sheet is None or not Acceptance.objects.filter(investor=investor, disclosure=sheet).exists():
        yield errors.DisclosureNotAccepted(disclosure=str(sheet.pk) if sheet else None)
    if asked.knowledge_test and not _knows(investor, asked, now):
        yield errors.KnowledgeTestMissing()
    simulation = LossSimulation.objects.newest(investor, amount.currency)
    if asked.loss_simulation and not _is_fresh(simulation, asked, now):
        yield errors.LossSimulationMissing(currency=amount.currency)
    until = _cools_until(investor, asked)
    if until is None or until > now:
        yield errors.CoolingOff(until=until.isoformat() if until else None)
    if asked.risk_warning and simulation is not None:
        yield from _unconfirmed(investor, asked, simulation, subject=subject, amount=amount, now=now)


def _knows(investor: Any, asked: Jurisdiction, now: datetime) -> bool:
    passed = KnowledgeResult.objects.last_passed(investor)
    return passed is not None and rules.years_after(passed.taken_at, asked.knowledge_years) > now


def _is_fresh(simulation: LossSimulation | None, asked: Jurisdiction, now: datetime) -> bool:
    return simulation is not None and simulation.made_at + timedelta(days=asked.simulation_days) > now


def _cools_until(investor: Any, asked: Jurisdiction) -> datetime | None:
    first = Acceptance.objects.filter(investor=investor).order_by("id").values_list("accepted_at", flat=True).first()
    return None if first is None else rules.cooled_off_at(first, hours=asked.cooling_off_hours)


def _unconfirmed(
    investor: Any, asked: Jurisdiction, simulation: LossSimulation, *, subject: str, amount: Money, now: datetime
) -> Iterator[DomainError]:
    worth: Decimal = simulation.figures.net_worth
    if not rules.needs_warning(amount.amount, worth, share=asked.warning_share):
        return
    if not warnings.is_confirmed(
        investor, subject=subject, amount=amount.amount, currency=amount.currency, now=now
    ):
        yield errors.RiskWarningUnconfirmed(share=str(rules.share_of(amount.amount, worth)))
