"""The verbs as data: which accounts each debits and credits, and what must be named. Source: LEDGER.md §4.

A verb is one posting of one movement. What only some verbs check is in `treasury.services.checks`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from treasury.models import NAMES_COUNTERPARTY, Verb


@dataclass(frozen=True, slots=True)
class Side:
    """An account: its kind, and which of the verb's terms give its scope, subject and owner.

    An empty `kind` is what the terms call `purse`; `fixed` is a scope, `subject` a subject that isn't asked for.
    """

    kind: str
    scope: str = ""
    fixed: str = ""
    subject: str = ""
    is_asset: bool = False
    is_owned: bool = False


CASH: Final = Side("cash", scope="cash")
TO_CASH: Final = Side("cash", scope="to_cash")
DEPLOYED: Final = Side("deployed", scope="scope", is_asset=True)
POOL: Final = Side("returns_pool", scope="scope")
SHORTFALL: Final = Side("shortfall", scope="scope")
COSTS: Final = Side("shortfall", fixed="costs")
BREAK: Final = Side("shortfall", fixed="break")
# Apart from what payments put into suspense, whose credits remember what became of each: a room allots its own.
SUSPENSE: Final = Side("suspense", scope="cash", subject="treasury")
AVAILABLE: Final = Side("available", is_owned=True)
CAPITAL: Final = Side("capital")
FEES: Final = Side("fees")
PURSE: Final = Side("")
OF_OFFERS: Final = ("write_down", "write_up")
"""Kinds that are posted as `offer_…` where the scope is an offer's."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What one verb posts. `needs` are the terms beside the amount; `opens_cash` lets it name a new cash account."""

    verb: Verb
    kind: str
    debit: Side
    credit: Side
    needs: tuple[str, ...]
    purses: tuple[str, ...] = ()
    opens_cash: bool = False
    returns_capital: bool = False

    def kind_for(self, scope: str) -> str:
        """The kind of transaction: a loss on an offer's asset has one of its own, as a kind has one scope."""
        return f"offer_{self.kind}" if scope.startswith("offer:") and self.kind in OF_OFFERS else self.kind

    @property
    def name(self) -> str:
        """The verb as oversight and the audit trail know it."""
        return f"treasury.{self.verb.value}"

    @property
    def credits_investor(self) -> bool:
        """Whether somebody gets money by it, who then has to be there."""
        return self.credit.is_owned

    @property
    def names_counterparty(self) -> bool:
        return self.verb in NAMES_COUNTERPARTY


_SHAPES: Final = (
    Shape(Verb.DEPLOY, "deploy", DEPLOYED, CASH, ("asset", "cash")),
    Shape(Verb.DIVEST, "divest", CASH, DEPLOYED, ("asset", "cash"), returns_capital=True),
    Shape(Verb.RECORD_INCOME, "income", CASH, POOL, ("asset", "cash")),
    Shape(Verb.PAY_IN_CAPITAL, "capital_in", CASH, CAPITAL, ("cash", "currency"), opens_cash=True),
    Shape(Verb.TAKE_OUT_CAPITAL, "capital_out", CAPITAL, CASH, ("cash", "currency")),
    Shape(Verb.FUND_POOL, "pool_fund", CAPITAL, POOL, ("scope", "currency")),
    Shape(Verb.RELEASE_POOL, "pool_release", POOL, FEES, ("scope", "currency")),
    Shape(Verb.WRITE_DOWN, "write_down", SHORTFALL, DEPLOYED, ("asset",)),
    Shape(Verb.WRITE_UP, "write_up", DEPLOYED, SHORTFALL, ("asset",), returns_capital=True),
    Shape(
        Verb.MAKE_GOOD,
        "make_good",
        PURSE,
        SHORTFALL,
        ("scope", "currency", "purse"),
        purses=("capital", "fees", "penalties"),
        returns_capital=True,
    ),
    Shape(Verb.SWEEP_FEES, "sweep", PURSE, CASH, ("cash", "currency", "purse"), purses=("fees", "penalties")),
    Shape(Verb.PROVIDER_COST, "provider_cost", COSTS, CASH, ("cash", "currency")),
    Shape(Verb.CASH_MOVE, "cash_move", TO_CASH, CASH, ("cash", "to_cash", "currency"), opens_cash=True),
    Shape(Verb.BANK_INTEREST, "bank_interest", CASH, FEES, ("cash", "currency")),
    Shape(Verb.SUSPENSE_ALLOT, "suspense_allot", SUSPENSE, AVAILABLE, ("cash", "currency", "investor")),
    Shape(Verb.SUSPENSE_RETURN, "suspense_return", SUSPENSE, CASH, ("cash", "currency")),
    Shape(
        Verb.GOODWILL,
        "goodwill",
        PURSE,
        AVAILABLE,
        ("purse", "currency", "investor"),
        purses=("capital", "fees"),
    ),
    Shape(Verb.CORRECTION, "correction", AVAILABLE, SUSPENSE, ("cash", "currency", "investor")),
    Shape(Verb.CASH_MISSING, "cash_break", BREAK, CASH, ("cash", "currency")),
    Shape(Verb.CASH_SURPLUS, "cash_break", CASH, SUSPENSE, ("cash", "currency"), opens_cash=True),
)

SHAPES: Final[Mapping[Verb, Shape]] = {shape.verb: shape for shape in _SHAPES}
