"""Tie investments to the rooms below: called once, from AppConfig.ready()."""

from __future__ import annotations

from django.apps import apps

from investments import adjustments
from investments.services import listeners, reversals, versions
from investments.settlement.reversals import REVERSE_SETTLEMENT
from oversight import verbs


def register_verbs() -> None:
    """Make known what takes two persons."""
    own = (versions.ACTIVATE, versions.RETIRE, versions.CEILING, reversals.REVERSE)
    for verb in (*own, adjustments.ADJUST, REVERSE_SETTLEMENT):
        verbs.register(verb)


def listen() -> None:
    """Hear of money that arrived or came back, and answer what rooms below ask."""
    if apps.is_installed("payments"):
        from payments import hooks as payments_hooks
        from payments import signals as payments_signals

        payments_signals.deposit_confirmed.connect(listeners.fund_from_deposit, dispatch_uid="investments.fund")
        payments_hooks.owns_position.register(listeners.owns_position)
    if apps.is_installed("treasury"):
        from treasury import hooks as treasury_hooks
        from treasury import signals as treasury_signals

        treasury_signals.capital_returns.connect(listeners.lock_waiting_exits, dispatch_uid="investments.lock_exits")
        treasury_signals.capital_returned.connect(listeners.pay_waiting_exits, dispatch_uid="investments.pay_exits")
        treasury_hooks.exits_waiting.register(listeners.exits_waiting)
        treasury_hooks.scopes.register(listeners.scopes)
