"""Random sequences of every posting rule, replay, reversal and close, against a model of a few lines."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.commands import command
from core.errors import DomainError
from ledger import accounts, balances, chart, days, posting, seals, verify
from ledger.models import Account, Transaction, Transfer
from ledger.posting import Move
from ledger.tests.conftest import NOON, SCOPE, Books
from tests.properties.sequences import named, sequences, undone

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
CURRENCIES = ("USD", "XOF")
OFFER = "offer:mill"
FUNDS = (SCOPE, OFFER)
EACH_STEP = ("balances", "trial balance", "funds", "transactions")


class Model:
    """What each account holds on its normal side, and which moves would leave all that is guarded at zero or above."""

    def __init__(self) -> None:
        self.held: dict[Account, Decimal] = defaultdict(Decimal)

    def after(self, moves: list[Move], *, mirror: bool = False) -> dict[Account, Decimal] | None:
        held = self.held.copy()
        for move in moves:
            held[move.debit] += move.amount if move.debit.kind in chart.DEBIT_NORMAL else -move.amount
            held[move.credit] += -move.amount if move.credit.kind in chart.DEBIT_NORMAL else move.amount
        for fund in product(FUNDS, CURRENCIES):
            if self.fund(held, fund, "deployed") + self.fund(held, fund, "shortfall") > self.fund(
                held, fund, "principal"
            ):
                return None
        funds_a_loss = any(
            move.credit.kind == "principal"
            and self.fund(held, (move.credit.scope, move.credit.currency_id), "shortfall")
            for move in moves
        )
        is_short = any(amount < 0 and account.kind not in chart.OVERDRAFT_ALLOWED for account, amount in held.items())
        return None if is_short or (funds_a_loss and not mirror) else held

    def fund(self, held: dict[Account, Decimal], fund: tuple[str, str], kind: str) -> Decimal:
        names = (kind, *fund)
        return sum((held[one] for one in held if (one.kind, one.scope, one.currency_id) == names), Decimal(0))


class Sequence:
    """The books, the model beside them, and what was posted so far."""

    def __init__(self, books: Books) -> None:
        self.books, self.model = books, Model()
        self.posted: list[tuple[posting.Posting, str, list[Move]]] = []
        self.day = days.open_day()

    def accounts_of(self, kind: str, currency: str, *, scope: str, of: str) -> list[Account]:
        """Two of a kind, where there may be two: of two owners, providers or causes; `of` a product or an offer."""
        books = self.books
        if kind in chart.OWNED:
            where = {"scope": of, "subject": "p"} if kind == "principal" else {}
            return [accounts.open_account(kind, currency, owner=one, **where) for one in (books.ana, books.eve)]
        scopes = {"cash": ["bank", "momo"], "shortfall": [scope] if scope else ["costs", of], "suspense": ["bank"]}
        funded = ("returns_pool", "returns_due", "deployed")
        found = scopes.get(kind, [of] if kind in funded else [""])
        subject = {"returns_due": "0", "deployed": "a"}.get(kind, "")
        return [accounts.open_account(kind, currency, scope=one, subject=subject) for one in found]

    def post(self, rule: chart.Rule, currency: str, debit: int, credit: int, amount: int) -> None:
        """Post by a rule; it must be taken or refused as the model has it, and a refusal changes nothing."""
        of = OFFER if rule.scope == "offer:" else SCOPE
        scope = of if rule.same_scope else rule.debit_scope
        debits = self.accounts_of(rule.debit, currency, scope=scope, of=of)
        credits = self.accounts_of(rule.credit, currency, scope=scope, of=of)
        move = Move(debits[debit % len(debits)], credits[credit % len(credits)], Decimal(amount))
        owners = {one.owner_id for one in (move.debit, move.credit) if one.owner_id}
        allowed = move.debit != move.credit and not (rule.same_owner and len(owners) > 1)
        held = self.model.after([move]) if allowed else None
        self._try(rule.kind, [move], held, evidence=rule.evidence, approval=rule.approval)

    def replay(self, place: int) -> None:
        """The same fact again is the first posting; with another amount it is refused."""
        facts = [fact for fact in self.posted if fact[1] != "reversal"]
        if not facts:
            return
        first, kind, moves = facts[place % len(facts)]
        again = command(posting.post)(kind, moves, key=first.key, now=NOON)
        assert (again.transaction_id, again.created) == (first.transaction_id, False)
        others = [Move(move.debit, move.credit, move.amount + 1) for move in moves]
        with pytest.raises(posting.FingerprintMismatch):
            command(posting.post)(kind, others, key=first.key, now=NOON)

    def reverse(self, place: int) -> None:
        """Mirror what was posted: once, and only if nothing falls below zero by it."""
        if not self.posted:
            return
        first, kind, _ = self.posted[place % len(self.posted)]
        moves = posting.mirror_moves(first.transaction_id)
        again = kind == "reversal" or Transaction.objects.filter(reverses=first.transaction_id).exists()
        held = None if again else self.model.after(moves, mirror=True)
        approval = self.books.approval("reversal", moves)
        count = Transfer.objects.count()
        try:
            done = command(posting.reverse)(first.transaction_id, now=NOON, actor=self.books.omar, approval=approval)
        except DomainError as refusal:
            assert held is None, (refusal, moves)
            assert Transfer.objects.count() == count
        else:
            # The key of a reversal comes from what it reverses: asked for again, it is the first one.
            assert done.created == (held is not None), moves
            if held is not None:
                self.model.held = held
                self.posted.append((done, "reversal", moves))

    def close(self) -> None:
        days.close(self.day, now=NOON + (self.day - NOON.date()) + timedelta(days=1))
        seals.seal_day(self.day)
        self.day += timedelta(days=1)

    def _try(self, kind: str, moves: list[Move], held: object, *, evidence: bool, approval: bool) -> None:
        count = Transfer.objects.count()
        given = {
            "evidence": self.books.statement_line() if evidence else None,
            "approval": self.books.approval(kind, moves) if approval else None,
        }
        try:
            done = command(posting.post)(kind, moves, key=f"{kind}:{len(self.posted)}:{count}", now=NOON, **given)
        except DomainError as refusal:
            assert held is None, (refusal, kind, moves)
            assert Transfer.objects.count() == count
        else:
            assert held is not None, (kind, moves)
            self.model.held = held
            self.posted.append((done, kind, moves))

    def agrees(self, names: tuple[str, ...] = EACH_STEP) -> None:
        """Hold every balance against the model, and what is stored against what its rows give."""
        held = {account.pk: amount for account, amount in self.model.held.items()}
        assert balances.balances(list(held)) == held
        checks = verify.checks()
        assert [what for name in names for what in checks[name]()] == []


PLACE = st.integers(0, 30)
POSTS = st.tuples(
    st.just("post"), st.sampled_from(chart.POSTING_RULES), st.sampled_from(CURRENCIES), PLACE, PLACE, st.integers(1, 90)
)
MONEY = st.tuples(
    st.just("post"),
    st.sampled_from([rule for rule in chart.POSTING_RULES if rule.kind in ("deposit", "capital_in", "position_fund")]),
    st.sampled_from(CURRENCIES),
    PLACE,
    PLACE,
    st.integers(50, 200),
)
STEPS = st.one_of(
    MONEY, POSTS, POSTS, st.tuples(st.just("reverse"), PLACE), st.tuples(st.just("replay"), PLACE), st.just(("close",))
)


@pytest.fixture
def books(db: None, monkeypatch: pytest.MonkeyPatch) -> Books:
    """Its rows belong to no room, so what rooms above verify is left to their own tests."""
    monkeypatch.setattr(verify._registered, "checks", {})
    monkeypatch.setattr(verify._registered, "claims", {})
    return Books()


@sequences(40)
@given(steps=st.lists(STEPS, min_size=5, max_size=16))
def test_any_sequence_agrees_with_the_model(books: Books, steps: list[tuple]) -> None:
    with undone(), named(f"{steps}"):
        sequence = Sequence(books)
        for verb, *arguments in steps:
            getattr(sequence, verb)(*arguments)
            sequence.agrees()
        sequence.agrees((*verify.rows.SPECIAL, *verify.rows.QUERIES, *verify.AFTER_THE_WALK))
