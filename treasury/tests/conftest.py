"""A finance desk for the treasury's tests: Omar asks, Lin approves, Ana's money is in product:basic."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.db.models import Count, Sum

from core.commands import Command
from core.errors import DomainError
from ledger import accounts, days, evidence, posting
from ledger.models import Account, Evidence, Transfer
from ledger.posting import Move
from oversight import services as oversight
from oversight.models import ApprovalRequest
from treasury import coverage, hooks, services
from treasury.models import Asset, StatementBalance, TreasuryMovement, Valuation
from treasury.services import Counterparty, Paper

FIRST_DAY = date(2026, 6, 1)
BASIC = "product:basic"
MILL = Counterparty("Sika Oil Mill SA", "BJ", "unrelated")
PARENT = Counterparty("Fiducia Holding", "FR", "owner")


class Desk:
    """Verbs in one line each: asked by Omar, approved by Lin, on papers of their own."""

    def __init__(self, *, ana: Any, omar: Any, lin: Any) -> None:
        self.ana, self.omar, self.lin = ana, omar, lin
        self.day = FIRST_DAY
        self.papers = 0
        days.open_ledger(FIRST_DAY)

    @property
    def now(self) -> datetime:
        return datetime.combine(self.day, time(12), tzinfo=UTC)

    def paper(self, reference: str = "", **changed: Any) -> Paper:
        self.papers += 1
        given = {"source": "Bank of Cotonou", "reference": reference or f"DOC-{self.papers}", "name": "paper.pdf"}
        return Paper(**{**given, "content": b"%PDF " + str(self.papers).encode(), **changed})

    def ask(self, request: Command[..., ApprovalRequest], *, by: Any = None, **asked: Any) -> ApprovalRequest:
        given = {"paper": self.paper(), "reason": "as the document says", "by": by or self.omar, "now": self.now}
        if "amount" in asked:
            asked["amount"] = Decimal(asked["amount"])
        return request(**{**given, **asked})

    def approve(self, request: ApprovalRequest, *, by: Any = None) -> ApprovalRequest:
        return oversight.approve(request.pk, by=by or self.lin, now=self.now)

    def do(self, request: Command[..., ApprovalRequest], **asked: Any) -> TreasuryMovement:
        approved = self.approve(self.ask(request, **asked))
        assert approved.status == "approved"
        return TreasuryMovement.objects.get(request=approved)

    def deposit(self, amount: str, *, owner: Any = None, currency: str = "USD", cash: str = "bank") -> None:
        self.papers += 1
        line = evidence.record(
            type="statement_line", source=cash, reference=f"L{self.papers}", at=self.now, content=b"line"
        )
        moves = [
            Move(
                accounts.open_account("cash", currency, scope=cash),
                accounts.wallet(owner or self.ana, currency).available,
                Decimal(amount),
            )
        ]
        posting.post("deposit", moves, key=f"deposit:{line.reference}", now=self.now, evidence=line)

    def fund(self, amount: str, *, owner: Any = None, scope: str = BASIC, currency: str = "USD") -> None:
        self.papers += 1
        who = owner or self.ana
        principal = accounts.open_account("principal", currency, owner=who, scope=scope, subject=f"p-{who.pk}"[:36])
        moves = [Move(accounts.wallet(who, currency).available, principal, Decimal(amount))]
        posting.post("position_fund", moves, key=f"fund:{self.papers}", now=self.now)

    def asset(self, name: str = "Oil mill loan", scope: str = BASIC, currency: str = "USD") -> Asset:
        return services.open_asset(scope=scope, currency=currency, name=name, by=self.omar, now=self.now)

    def deployed(self, amount: str = "600") -> Asset:
        """An asset with money in it; Ana has put 1,000 into the product."""
        self.deposit("1000")
        self.fund("1000")
        asset = self.asset()
        self.do(services.request_deploy, asset=asset.pk, cash="bank", amount=amount, counterparty=MILL)
        return asset

    def state(self, balance: str, *, cash: str = "bank", currency: str = "USD", on: date | None = None) -> None:
        request = self.ask(
            services.request_record_statement_balance,
            cash=cash,
            currency=currency,
            balance=Decimal(balance),
            day=on or self.day,
        )
        self.approve(request)

    def value(self, asset: Asset, amount: str, *, on: date | None = None) -> Valuation:
        request = self.ask(services.request_value_asset, asset=asset.pk, amount=amount, valued_on=on or self.day)
        return Valuation.objects.get(request=self.approve(request))

    def close(self) -> date:
        """Close the open day and go on to the next; return the closed one."""
        closed = self.day
        self.day += timedelta(days=1)
        days.close(closed, now=self.now)
        return closed

    def cover(self, *covers: coverage.ProductCover) -> Any:
        """Close the day, store its coverage, return the row of USD."""
        closed = self.close()
        coverage.compute_and_store(closed, covers, self.now)
        return coverage.of_currency("USD", on=closed)

    def balance(self, kind: str, **names: Any) -> Decimal:
        from ledger import balances

        found = Account.objects.filter(kind=kind, **names)
        return sum((balances.balance(account) for account in found), Decimal(0))

    def everything(self) -> list[Any]:
        """What must be the same after a refusal."""
        sums = Account.objects.aggregate(Sum("debits"), Sum("credits"))
        rows = [model.objects.aggregate(Count("pk")) for model in (Transfer, Evidence, TreasuryMovement)]
        proofs = [model.objects.aggregate(Count("pk")) for model in (Valuation, StatementBalance)]
        statuses = list(ApprovalRequest.objects.values_list("pk", "status").order_by("pk"))
        return [sums, rows, proofs, statuses]


@contextmanager
def refused(desk: Desk, error: type[DomainError]) -> Iterator[pytest.ExceptionInfo[DomainError]]:
    """Expect a refusal after which everything is as it was."""
    before = desk.everything()
    with pytest.raises(error) as info:
        yield info
    assert desk.everything() == before


@pytest.fixture(autouse=True)
def media(settings: LazySettings, tmp_path: Path) -> None:
    """Documents go where the test ends with them."""
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def desk(ana: Any, omar: Any, lin: Any) -> Desk:
    return Desk(ana=ana, omar=omar, lin=lin)


@pytest.fixture
def exits_wait() -> Iterator[None]:
    """Investors of every product wait for their money; no other provider answers."""
    before, hooks.exits_waiting.providers = hooks.exits_waiting.providers, [lambda scope, currency: True]
    yield
    hooks.exits_waiting.providers = before


@pytest.fixture(autouse=True)
def no_products() -> Iterator[None]:
    """Rooms above say nothing: any well-formed scope is taken, nobody waits."""
    before = hooks.exits_waiting.providers, hooks.scopes.providers
    hooks.exits_waiting.providers, hooks.scopes.providers = [], []
    yield
    hooks.exits_waiting.providers, hooks.scopes.providers = before
