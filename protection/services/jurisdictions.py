"""What each jurisdiction asks for, changed by four eyes. Source: docs/rules/protection.md §6."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import pycountry
from django.core.exceptions import ValidationError

from core.commands import command
from ledger import amounts
from oversight import services as oversight
from oversight.models import ApprovalRequest
from protection.errors import RulesRefused
from protection.models import Jurisdiction

CHANGE: Final = "change_jurisdiction"
COUNTRIES: Final = frozenset(country.alpha_2 for country in pycountry.countries)
SHARES: Final = ("bearable_share", "warning_share")
RULES: Final = (
    "knowledge_test",
    "knowledge_years",
    "loss_simulation",
    "simulation_days",
    "bearable_share",
    "risk_warning",
    "warning_share",
    "cooling_off_hours",
    "reflection_days",
    "commissions",
    "vip",
)


def jurisdiction_of(investor: Any) -> Jurisdiction:
    """Return what holds for this investor now."""
    return Jurisdiction.objects.of(investor.country)


@command
def request_jurisdiction(
    *, country: str, terms: Mapping[str, Any], by: Any, reason: str, now: datetime
) -> ApprovalRequest:
    """Ask that other rules hold for a country (none: everywhere else). Raises RulesRefused, and what oversight refuses.

    `terms` has each of RULES; shares are Decimals.
    """
    row = _row(country, terms)
    return oversight.ask(
        CHANGE,
        by=by,
        at=now,
        payload={"country": country, **{name: terms[name] for name in RULES}},
        summary=[("Country", str(row)), *changes(row)],
        reason=reason,
    )


def apply_jurisdiction(request: ApprovalRequest, by: Any, now: datetime) -> Jurisdiction:
    """Let the rules that were approved hold from now on (step). Raises RulesRefused."""
    asked = request.payload
    row = _row(asked["country"], {**asked, **{name: Decimal(asked[name]) for name in SHARES}})
    row.request = request
    row.save(force_insert=True)
    return row


def changes(row: Jurisdiction) -> list[tuple[str, str]]:
    """Write each rule of `row`, and what holds now where that is something else."""
    present = Jurisdiction.objects.of(row.country)
    lines = []
    for name in RULES:
        before, after = (_shown(getattr(each, name)) for each in (present, row))
        lines.append((_label(name), after if before == after else f"{before} → {after}"))
    return lines


def _row(country: str, terms: Mapping[str, Any]) -> Jurisdiction:
    if country and country not in COUNTRIES:
        raise RulesRefused(f"{country} is no country (ISO 3166-1).", field="country")
    row = Jurisdiction(country=country, **{name: terms[name] for name in RULES})
    try:
        row.full_clean()
    except ValidationError as refused:
        raise RulesRefused(" ".join(refused.messages)) from refused
    return row


def _label(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return amounts.percent(value) if isinstance(value, Decimal) else str(value)
