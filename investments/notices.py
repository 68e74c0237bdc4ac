"""What investors hear of their positions and returns.

Returns are told by one statement a run, whoever many they are for: docs/rules/notifications.md §1.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from core.plans import allow_memory, set_planner
from investments import rules
from investments.models import Position, Product, SettlementRun
from notifications import kinds, services
from notifications.kinds import INVESTMENTS, RETURNS, Facts, Kind, Priority, look_by

MANY: Final = 10_000
"""From so many positions on the planner is kept from comparing all with all: a run is younger than its statistics."""


def products(ids: set[UUID]) -> dict[UUID, Facts]:
    """Read the names of products that messages are about."""
    names = Product.objects.filter(pk__in=ids).values_list("pk", "display_name")
    return {product: {"product_name": name} for product, name in names}


LOOK: Final = look_by("product", products)
SAMPLE: Final = {
    "product": "01997f3e-5c1a-7d2b-9e4f-8a6b7c5d4e3f",
    "position": "01997f3e-5c1a-7d2b-9e4f-8a6b7c5d4e40",
    "amount": "1250.5",
    "currency": "USD",
}
SEEN: Final = {"product_name": "Investor"}
FUNDED, PAID_OUT, WAITS = "position_funded", "position_paid_out", "exit_waits"
RETURNS_PAID, RETURNS_DELAYED = "returns_paid", "returns_delayed"


def _of_position(code: str, **facts: str) -> Kind:
    path = "/investment/accounts/{position}"
    return Kind(code=code, category=INVESTMENTS, path=path, look=LOOK, facts={**SAMPLE, **facts}, seen=SEEN)


def _of_returns(code: str, **more: Any) -> Kind:
    facts = {"product": SAMPLE["product"], "amount": "3.47", "currency": "USD", "on": "2026-03-02"}
    return Kind(code=code, category=RETURNS, path="/investment", look=LOOK, facts=facts, seen=SEEN, **more)


KINDS: Final = (
    _of_position(FUNDED),
    _of_position(PAID_OUT, penalty="0"),
    _of_position(WAITS),
    _of_returns(RETURNS_PAID, priority=Priority.LOW, keep=timedelta(days=90)),
    _of_returns(RETURNS_DELAYED),
)


def register() -> None:
    """Make the kinds known."""
    kinds.register(*KINDS)


def tell_funded(position: Position, *, amount: Decimal, event_id: UUID, now: datetime) -> None:
    """Tell that money went into a position (a step)."""
    services.notify(position.owner, FUNDED, facts=_facts(position, amount), key=str(event_id), now=now)


def tell_paid_out(position: Position, *, amount: Decimal, penalty: Decimal, event_id: UUID, now: datetime) -> None:
    """Tell that principal, less a penalty, is in the wallet (a step)."""
    facts = _facts(position, amount - penalty) | {"penalty": f"{penalty.normalize():f}"}
    services.notify(position.owner, PAID_OUT, facts=facts, key=str(event_id), now=now)


def tell_waits(position: Position, *, amount: Decimal, request_id: UUID, now: datetime) -> None:
    """Tell that principal leaves once the product's money is back from work (a step)."""
    services.notify(position.owner, WAITS, facts=_facts(position, amount), key=str(request_id), now=now)


def tell_returns(run: SettlementRun, *, now: datetime) -> int:
    """Tell everybody whom a run paid what it paid them, all positions together (a step); return how many are told."""
    allow_memory()
    if run.positions > MANY:
        set_planner(enable_nestloop="off", jit="off")
    return services.notify_selected(RETURNS_PAID, _PAID, _given(run), now=now)


def tell_delayed(run: SettlementRun, *, now: datetime) -> int:
    """Tell everybody to whom a run would have paid something that a pool that is short holds it up (a step)."""
    due = [payout for payout in (rules.DAILY, rules.MONTHLY) if rules.is_due(run.due_on, payout=payout, last_on=None)]
    return services.notify_selected(RETURNS_DELAYED, _DELAYED, _given(run) | {"due": due}, now=now)


def _given(run: SettlementRun) -> dict[str, Any]:
    return {
        "run": run.pk,
        "product": run.product_id,
        "due_on": run.due_on,
        "key": f"{run.product.code}:{run.due_on}",
        "currency": run.product.currency,
    }


def _facts(position: Position, amount: Decimal) -> dict[str, str]:
    return {
        "position": str(position.pk),
        "product": str(position.product_id),
        "amount": f"{amount.normalize():f}",
        "currency": position.product.currency,
    }


_PAID: Final = """
    SELECT p.owner_id AS user_id, %(key)s AS key,
           jsonb_build_object('product', %(product)s::text, 'currency', %(currency)s::text, 'on', %(due_on)s::date,
                              'amount', trim_scale(sum(s.amount))::text) AS facts
    FROM investments_settlement s JOIN investments_position p ON p.id = s.position_id
    WHERE s.run_id = %(run)s AND s.amount > 0
    GROUP BY p.owner_id
"""
_DELAYED: Final = """
    SELECT DISTINCT p.owner_id AS user_id, %(key)s AS key,
           jsonb_build_object('product', %(product)s::text, 'on', %(due_on)s::date) AS facts
    FROM investments_position p JOIN investments_productversion v ON v.id = p.version_id
    WHERE p.product_id = %(product)s AND p.funded_on < %(due_on)s
      AND (p.last_on = %(due_on)s OR v.payout = ANY(%(due)s::text[]) AND (p.last_on IS NULL OR p.last_on > %(due_on)s))
"""
