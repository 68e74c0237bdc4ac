"""A small bank for the ledger's own tests: Ana and Eve, a bank, a product, and officers who approve moves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import psycopg
import pytest
from django.db import connections

from accounts.models import User
from ledger import accounts, days, evidence, posting, verify
from ledger.models import Account, Evidence
from ledger.posting import Move
from oversight import audit
from oversight import services as oversight
from oversight.models import ApprovalRequest, Decision

FIRST_DAY = date(2026, 6, 1)
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
SCOPE = "product:basic"


def approve_moves(moves_hash: bytes, *, by: User, approver: User) -> UUID:
    """A request of these moves that another approved, in rows: the ledger trusts what oversight's guards let in."""
    request = ApprovalRequest.objects.create(
        verb="ledger.test",
        title="test",
        payload_hash=b"",
        moves_hash=moves_hash,
        requested_by=by,
        reason="a test",
        requested_at=NOON,
        expires_at=NOON + timedelta(days=1),
    )
    audit.record(
        "oversight.requested", actor=by, at=NOON, target=request, after=oversight.facts(request), reason=request.reason
    )
    Decision.objects.create(request=request, approver=approver, verdict="approve", at=NOON)
    request.status, request.decided_at = "approved", NOON
    request.save(update_fields=["status", "decided_at"])
    return request.pk


class Books:
    """Postings in words; everything is USD unless a currency is named."""

    def __init__(self) -> None:
        days.open_ledger(FIRST_DAY)
        self.ana = User.objects.create_user(email="ana@example.org", country="BJ")
        self.eve = User.objects.create_user(email="eve@example.org", country="BJ")
        self.omar = User.objects.create_user(email="omar@example.org", country="BJ", is_staff=True)
        self.lin = User.objects.create_user(email="lin@example.org", country="BJ", is_staff=True)
        self.cash = accounts.open_account("cash", "USD", scope="bank")
        self.pool = accounts.open_account("returns_pool", "USD", scope=SCOPE)
        self.capital = accounts.open_account("capital", "USD")
        self.fees = accounts.open_account("fees", "USD")
        self.counter = 0

    def available(self, owner: User, currency: str = "USD") -> Account:
        return accounts.wallet(owner, currency).available

    def principal(self, owner: User, subject: str = "p1") -> Account:
        return accounts.open_account("principal", "USD", owner=owner, scope=SCOPE, subject=subject)

    def statement_line(self, reference: str = "") -> Evidence:
        self.counter += 1
        return evidence.record(
            type="statement_line", source="bank", reference=reference or f"L{self.counter}", at=NOON, content=b"line"
        )

    def deposit(self, owner: User, amount: str, reference: str = "") -> posting.Posting:
        line = self.statement_line(reference)
        moves = [Move(self.cash, self.available(owner), Decimal(amount))]
        return posting.post("deposit", moves, key=f"deposit:bank:{line.reference}", now=NOON, evidence=line)

    def fund(self, owner: User, amount: str, subject: str = "p1") -> posting.Posting:
        self.counter += 1
        moves = [Move(self.available(owner), self.principal(owner, subject), Decimal(amount))]
        return posting.post("position_fund", moves, key=f"fund:{self.counter}", now=NOON)

    def approval(self, kind: str, moves: list[Move]) -> UUID:
        """An approved request for these moves, decided by Lin for Omar."""
        return approve_moves(posting.moves_hash(kind, moves), by=self.omar, approver=self.lin)

    def with_approval(self, kind: str, *moves: Move, evidence: Evidence | None = None) -> posting.Posting:
        self.counter += 1
        return posting.post(
            kind,
            moves,
            key=f"{kind}:{self.counter}",
            now=NOON,
            evidence=evidence,
            approval=self.approval(kind, list(moves)),
        )

    def capital_in(self, amount: str) -> posting.Posting:
        return self.with_approval(
            "capital_in", Move(self.cash, self.capital, Decimal(amount)), evidence=self.statement_line()
        )

    def fill_pool(self, amount: str) -> posting.Posting:
        self.capital_in(amount)
        return self.with_approval("pool_fund", Move(self.capital, self.pool, Decimal(amount)))


@pytest.fixture
def books(db: None) -> Books:
    return Books()


@pytest.fixture
def shared_books(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Books:
    """The same, committed: for threads and second connections.

    Its rows belong to no room, so what rooms above verify is left to their own tests.
    """
    monkeypatch.setattr(verify._registered, "checks", {})
    monkeypatch.setattr(verify._registered, "claims", {})
    return Books()


@pytest.fixture
def as_owner() -> Callable[[str], None]:
    """Run SQL as the owner's role; for shared_books only."""

    def run(sql: str) -> None:
        with psycopg.connect(**connections["owner"].get_connection_params(), autocommit=True) as owner:
            owner.execute(sql)

    return run
