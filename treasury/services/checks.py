"""What single verbs refuse, beyond what the ledger refuses of all. Each takes a Case; none writes.

They run when asked, for a clear answer at once, and again after the posting, under its locks, so that nothing
can slip between the check and the movement.
"""

from __future__ import annotations

from decimal import Decimal

from core.errors import DomainError
from ledger import balances, days
from ledger.models import Fund
from ledger.posting import FundCommitted, InsufficientBalance
from treasury import coverage, hooks, rules
from treasury.models import Verb
from treasury.services.terms import Case, Place

ZERO = Decimal(0)


class ExitsWaiting(DomainError):
    code = "exits-waiting"
    title = "Investors of this product wait for their money, so nothing more of it is put to work"


class AboveCost(DomainError):
    code = "above-cost"
    title = "More than the asset cost can't come back as capital, nor be lost"
    status = 422


class ReceiptIsCapital(DomainError):
    code = "receipt-is-capital"
    title = "While an asset stands at cost, a receipt is capital unless the evidence says that it is income"
    status = 422


class PoolMustKeep(DomainError):
    code = "pool-must-keep"
    title = "The pool keeps what is earned and unpaid, and 30 days of mean accrual"


class CoverageMissing(DomainError):
    code = "coverage-missing"
    title = "No coverage of the last closed day says what this pool owes"


def require_allowed(case: Case) -> None:
    """Refuse, before anything is asked, what would be refused when it is applied."""
    verb = case.shape.verb
    if verb == Verb.DEPLOY:
        require_no_exits(case.scope, case.currency)
        _require_fund(case)
    if verb in (Verb.DIVEST, Verb.WRITE_DOWN):
        _require_up_to_cost(case)
    if verb == Verb.RECORD_INCOME:
        _require_income(case)
    _require_balances(case)
    if verb == Verb.RELEASE_POOL:
        _require_pool_keeps(case, after=rules.minus(_balance(case.debit), case.terms.amount))


def require_still_allowed(case: Case) -> None:
    """Refuse, after the posting and under its locks, what has changed since it was asked."""
    if case.shape.verb == Verb.DEPLOY:
        require_no_exits(case.scope, case.currency)
    if case.shape.verb == Verb.RELEASE_POOL:
        _require_pool_keeps(case, after=_balance(case.debit))


def require_no_exits(scope: str, currency: str) -> None:
    """Raise ExitsWaiting while investors of a product wait for their money."""
    if hooks.exits_waiting(scope, currency):
        raise ExitsWaiting(scope=scope, currency=currency)


def _require_fund(case: Case) -> None:
    fund = Fund.objects.filter(scope=case.scope, currency_id=case.currency).first()
    free = fund.free if fund else ZERO
    if case.terms.amount > free:
        raise FundCommitted(
            f"Of {case.scope} only {rules.plain(free)} {case.currency} lies in the bank.",
            free=rules.plain(free),
            scope=case.scope,
        )


def _require_up_to_cost(case: Case) -> None:
    cost = _balance(case.credit)
    if case.terms.amount > cost:
        raise AboveCost(
            f"The asset stands at {rules.plain(cost)} {case.currency}; what came beyond that is income.",
            cost=rules.plain(cost),
        )


def _require_income(case: Case) -> None:
    assert case.asset is not None
    cost = _balance(Place("deployed", case.currency, case.scope, case.asset.subject, None))
    if cost > 0 and not case.terms.income_basis.strip():
        raise ReceiptIsCapital(
            f"The asset stands at {rules.plain(cost)} {case.currency}: divest, or quote what says income.",
            cost=rules.plain(cost),
        )


def _require_balances(case: Case) -> None:
    """Refuse what would overdraw an account that can't; `cash` can, since what a bank did is a fact."""
    for place, by_debit in ((case.debit, True), (case.credit, False)):
        grows = by_debit == (place.kind in rules.DEBIT_NORMAL)
        if grows or place.kind in ("cash", "fx"):
            continue
        standing = _balance(place)
        if case.terms.amount > standing:
            raise InsufficientBalance(
                f"{place} holds {rules.plain(standing)}.", account=str(place), balance=rules.plain(standing)
            )


def _require_pool_keeps(case: Case, *, after: Decimal) -> None:
    last = coverage.of_product(case.scope, case.currency)
    if last is None or (days.open_day() - last.day_id).days > 1:
        raise CoverageMissing(scope=case.scope)
    keep = rules.pool_must_keep(owed=last.owed, accrued=last.accrued, mean_accrual=last.mean_accrual)
    if after < keep:
        raise PoolMustKeep(
            f"{rules.plain(after)} {case.currency} would be left, and {rules.plain(keep)} must stay.",
            left=rules.plain(after),
            keep=rules.plain(keep),
            on=last.day_id.isoformat(),
        )


def _balance(place: Place) -> Decimal:
    account = place.find()
    return balances.balance(account) if account else ZERO
