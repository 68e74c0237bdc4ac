"""The chart of accounts and the posting rules, as data. Source: docs/rules/ledger.md.

Each change of POSTING_RULES is a migration (it reseeds the table) and a decision record. Imports no Django.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

DEBIT_NORMAL: Final = ("cash", "deployed", "receivable", "shortfall", "fx")
CREDIT_NORMAL: Final = (
    "available",
    "locked",
    "in_payout",
    "principal",
    "suspense",
    "returns_pool",
    "returns_due",
    "referral_budget",
    "capital",
    "fees",
    "penalties",
)
KINDS: Final = DEBIT_NORMAL + CREDIT_NORMAL

# A thousand deposits into one provider's account must not queue for one row, so these keep no live balance.
OVERDRAFT_ALLOWED: Final = ("cash", "fx")

WALLET: Final = ("available", "locked", "in_payout")
OWNED: Final = (*WALLET, "principal", "receivable")
SHORTFALL_CAUSES: Final = ("costs", "fx", "break", "bad_debt")
RETURNS_DUE_SHARDS: Final = 16

CURRENCIES: Final = (
    # code, decimals, kind; ETH is posted at 8 of its 18.
    ("USD", 2, "fiat"),
    ("EUR", 2, "fiat"),
    ("XOF", 0, "fiat"),
    ("XAF", 0, "fiat"),
    ("NGN", 2, "fiat"),
    ("AED", 2, "fiat"),
    ("USDT", 6, "crypto"),
    ("BTC", 8, "crypto"),
    ("ETH", 8, "crypto"),
)


def product_scope(code: str) -> str:
    """Return the scope of a product's principal, pool, due, deployed and fund."""
    return f"product:{code}"


def offer_scope(code: str) -> str:
    """Return the scope of an offer's principal, pool, due, deployed and fund."""
    return f"offer:{code}"


@dataclass(frozen=True, slots=True)
class Rule:
    """One permitted movement: a transaction of `kind` may debit `debit` and credit `credit`.

    `scope` is the prefix that every scope in it must have, `debit_scope`/`credit_scope` the one scope that side has.
    """

    kind: str
    debit: str
    credit: str
    evidence: bool = False
    approval: bool = False
    same_owner: bool = False
    same_scope: bool = False
    scope: str = ""
    debit_scope: str = ""


def _rules(kind: str, debits: str, credits: str, marks: str = "", *, debit_scope: str = "") -> tuple[Rule, ...]:
    """Expand one row of the table: marks are E, 4, S, =, P and O as LEDGER §4 writes them."""
    flags = set(marks.split())
    return tuple(
        Rule(
            kind=kind,
            debit=debit,
            credit=credit,
            evidence="E" in flags,
            approval="4" in flags,
            same_owner="S" in flags,
            same_scope="=" in flags,
            scope="product:" if "P" in flags else "offer:" if "O" in flags else "",
            debit_scope=debit_scope,
        )
        for debit in debits.split()
        for credit in credits.split()
    )


POSTING_RULES: Final[tuple[Rule, ...]] = (
    *_rules("deposit", "cash", "available suspense", "E"),
    *_rules("suspense_allot", "suspense", "available", "4"),
    *_rules("suspense_return", "suspense", "cash", "E 4"),
    *_rules("provider_cost", "shortfall", "cash", "E", debit_scope="costs"),
    *_rules("cash_move", "cash", "cash", "E"),
    *_rules("bank_interest", "cash", "fees", "E"),
    *_rules("position_fund", "available", "principal", "S P"),
    *_rules("position_exit", "principal", "available penalties", "S P"),
    *_rules("settlement_reserve", "returns_pool", "returns_due", "= P"),
    *_rules("settlement_release", "returns_due", "returns_pool", "= P"),
    *_rules("settlement", "returns_due", "available", "P"),
    *_rules("deploy", "deployed", "cash", "E 4"),
    *_rules("divest", "cash", "deployed", "E 4"),
    *_rules("income", "cash", "returns_pool", "E 4"),
    *_rules("capital_in", "cash", "capital", "E 4"),
    *_rules("capital_out", "capital", "cash", "E 4"),
    *_rules("pool_fund", "capital", "returns_pool", "4"),
    *_rules("pool_release", "returns_pool", "fees", "4 P"),
    *_rules("write_down", "shortfall", "deployed", "E 4 = P"),
    *_rules("write_up", "deployed", "shortfall", "E 4 = P"),
    *_rules("offer_reserve", "available", "locked", "S"),
    *_rules("offer_release", "locked", "available", "S"),
    *_rules("offer_commit", "locked", "principal", "S O"),
    *_rules("offer_repay", "principal", "available", "S O"),
    *_rules("distribution_reserve", "returns_pool", "returns_due", "4 = O"),
    *_rules("distribution", "returns_due", "available", "O"),
    # One kind has one scope: an offer's loss is written down under a name of its own.
    *_rules("offer_write_down", "shortfall", "deployed", "E 4 = O"),
    *_rules("offer_write_up", "deployed", "shortfall", "E 4 = O"),
    *_rules("investor_loss", "principal", "shortfall", "= O"),
    *_rules("make_good", "capital fees penalties", "shortfall", "4"),
    *_rules("sweep", "fees penalties", "cash", "E 4"),
    *_rules("goodwill", "capital fees", "available", "4"),
    *_rules("correction", "available", "suspense", "4"),
    *_rules("cash_break", "shortfall", "cash", "E 4", debit_scope="break"),
    *_rules("cash_break", "cash", "suspense", "E 4"),
)
