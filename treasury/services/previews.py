"""What will happen, in figures: the balances before and after, and what coverage becomes. Nothing is written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Final

from ledger import amounts, balances, posting
from ledger.accounts import require_currency
from ledger.models import Currency
from treasury import books, rules
from treasury.models import Asset, TreasuryMovement
from treasury.services.terms import Case, Place

Summary = list[tuple[str, str]]

CONFIRMED_BY: Final = {"cash": "a bank statement confirms it", "deployed": "a valuation confirms it"}
"""What money that comes to an account waits for before coverage counts it: until then the ratio does not rise by it."""


DRIFTING: Final = ("cash:", "fees ", "Coverage ")
"""How labels begin whose figures every deposit and fee changes: what a deed does to them stands in its amount."""
BOOKS: Final = "in the books"


@dataclass(frozen=True, slots=True)
class Change:
    """One account before and after."""

    place: str
    before: Decimal
    after: Decimal


@dataclass(frozen=True, slots=True)
class Preview:
    """The figures that officers see before they ask and before they approve."""

    currency: Currency
    changes: tuple[Change, ...]
    coverage_before: Decimal | None
    coverage_after: Decimal | None
    counted_once: str = ""

    def lines(self) -> Summary:
        """Return the figures as label and value."""
        lines = [
            (change.place, f"{self._show(change.before)} becomes {self._show(change.after)}") for change in self.changes
        ]
        before, after = show_ratio(self.coverage_before), show_ratio(self.coverage_after)
        lines.append((f"Coverage {self.currency.code}", f"{before} becomes {after}"))
        return [*lines, ("Coverage counts it", f"once {self.counted_once}")] if self.counted_once else lines

    def _show(self, amount: Decimal) -> str:
        return show_amount(amount, self.currency)


def show_ratio(ratio: Decimal | None) -> str:
    """Write a ratio in per cent with its four decimals; say so where nothing is owed."""
    return "nothing owed" if ratio is None else amounts.percent(ratio, decimals=4)


def show_amount(amount: Decimal, currency: Currency) -> str:
    """Write an amount, cut to the currency's decimals, with its code."""
    return amounts.show(amounts.cut(amount, currency.code), currency.code)


def of_movement(case: Case) -> Preview:
    """Return what a movement would do to both accounts and to the currency's coverage."""
    amount = case.terms.amount
    before = books.figures_now(case.currency)
    after = before.after(case.debit.key, case.credit.key, amount)
    changes = tuple(_change(place, amount, by_debit) for place, by_debit in ((case.debit, True), (case.credit, False)))
    proof = CONFIRMED_BY.get(case.debit.kind, "")
    return Preview(require_currency(case.currency), changes, before.ratio, after.ratio, proof)


def of_mirror(movement: TreasuryMovement) -> Preview:
    """Return what reversing a movement would do."""
    figures = books.figures_now(movement.currency_id)
    after, changes = figures, []
    for move in posting.mirror_moves(movement.transaction_id):
        for account, by_debit in ((move.debit, True), (move.credit, False)):
            place = Place(account.kind, account.currency_id, account.scope, account.subject, account.owner)
            changes.append(_change(place, move.amount, by_debit))
        sides = [(account.kind, account.scope, account.subject) for account in (move.debit, move.credit)]
        after = after.after(sides[0], sides[1], move.amount)
    return Preview(require_currency(movement.currency_id), tuple(changes), figures.ratio, after.ratio)


def of_valuation(asset: Asset, *, amount: Decimal, on: date) -> Preview:
    """Return what a valuation would do to coverage, beside the asset's cost."""
    figures = books.figures_now(asset.currency_id)
    return _of_proof(
        figures, figures.part("deployed", asset.scope, asset.subject), f"value of {asset.name}", amount, on
    )


def of_statement(cash: str, currency: str, *, amount: Decimal, on: date) -> Preview:
    """Return what a statement balance would do to coverage, beside the books."""
    figures = books.figures_now(currency)
    return _of_proof(figures, figures.part("cash", cash, ""), f"statement of {cash}", amount, on)


def _of_proof(figures: rules.Figures, part: rules.Part, place: str, amount: Decimal, on: date) -> Preview:
    after = figures
    if part.evidence_on is None or on >= part.evidence_on:
        after = figures.with_part(replace(part, evidence_on=on, evidence_amount=amount))
    change = Change(place, part.evidence_amount or Decimal(0), amount)
    books_line = Change(BOOKS, part.book, part.book)
    return Preview(require_currency(figures.currency), (change, books_line), figures.ratio, after.ratio)


def _change(place: Place, amount: Decimal, by_debit: bool) -> Change:
    account = place.find()
    before = balances.balance(account) if account else Decimal(0)
    grows = by_debit == (place.kind in rules.DEBIT_NORMAL)
    after = rules.total([before, amount if grows else amount.copy_negate()])
    return Change(str(place), before, after)
