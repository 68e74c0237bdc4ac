"""A small platform to try investments on: an open ledger, products on offer, wallets with money.

Days move by `world.day`; nothing is written past the services but evidence of what the bank said.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction

from investments import services
from investments.models import Position, Product, ProductVersion
from investments.services import catalogue
from ledger import accounts, days, evidence, posting
from ledger.posting import Move
from oversight import services as oversight
from tests.people import make_officer, make_ready

FIRST_DAY = date(2026, 6, 1)


class World:
    """`now` is noon of `day`; the ledger's days close behind it, without accrual or settlement."""

    def __init__(self) -> None:
        self.day = FIRST_DAY
        self.references = 0
        self.officers = [make_officer(name, "finance", "compliance") for name in ("Omar", "Lin", "Nia")]
        with transaction.atomic():
            days.open_ledger(FIRST_DAY)
        self.offer()

    @property
    def now(self) -> datetime:
        return datetime.combine(self.day, time(12), UTC)

    def offer(self) -> None:
        """Load the catalogue and have it approved by as many officers as it takes."""
        asks, *approvers = self.officers
        services.load_catalogue(catalogue.read(), by=asks, now=self.now)
        from oversight.models import ApprovalRequest

        for request in ApprovalRequest.objects.filter(status="requested").order_by("pk"):
            for officer in approvers[: request.approvals]:
                oversight.approve(request.pk, by=officer, now=self.now)

    def approve(self, request: Any) -> Any:
        """Let the officers who didn't ask approve a request."""
        done = request
        for officer in self.officers[1 : 1 + request.approvals]:
            done = oversight.approve(request.pk, by=officer, now=self.now)
        return done

    def product(self, code: str) -> Product:
        return Product.objects.get(code=code)

    def version(self, code: str) -> ProductVersion:
        return ProductVersion.objects.active().get(product__code=code)

    def pay_in(self, owner: Any, amount: str, currency: str = "USD") -> None:
        """Credit a wallet with what a provider says has arrived."""
        self.references += 1
        with transaction.atomic():
            paper = evidence.record(
                type="provider_event", source="test", reference=f"in-{self.references}", at=self.now
            )
            cash = accounts.open_account("cash", currency, scope="bank")
            posting.post(
                "deposit",
                [Move(cash, accounts.wallet(owner, currency).available, Decimal(amount))],
                key=f"deposit:test:{self.references}",
                now=self.now,
                evidence=paper,
            )

    def open(self, owner: Any, code: str, amount: str | None = None, *, pay_in: bool = True) -> Position:
        """Open a position of somebody who may, and fund it from money that is paid in for it."""
        product = self.product(code)
        make_ready(owner, at=self.now)
        if amount is not None and pay_in:
            self.pay_in(owner, amount, product.currency)
        return services.open_position(
            owner,
            product=product.pk,
            disclosure_version=self.version(code).disclosure_version,
            amount=None if amount is None else Decimal(amount),
            now=self.now,
        )

    def next_day(self, count: int = 1) -> None:
        for _ in range(count):
            closing, self.day = self.day, self.day + timedelta(days=1)
            with transaction.atomic():
                days.close(closing, now=self.now)

    def put_to_work(self, code: str, amount: str) -> None:
        """Deploy a product's money, with the approval that the ledger asks for."""
        self._move_capital("deploy", code, amount)

    def bring_back(self, code: str, amount: str) -> None:
        """Divest; nobody is told: what the treasury's event does is tried with the treasury."""
        self._move_capital("divest", code, amount)

    def _move_capital(self, kind: str, code: str, amount: str) -> None:
        from oversight.models import ApprovalRequest, Decision

        self.references += 1
        product = self.product(code)
        with transaction.atomic():
            cash = accounts.open_account("cash", product.currency, scope="bank")
            asset = accounts.open_account("deployed", product.currency, scope=product.scope, subject="asset")
            move = Move(asset, cash, Decimal(amount)) if kind == "deploy" else Move(cash, asset, Decimal(amount))
            request = ApprovalRequest.objects.create(
                verb="test",
                title="test",
                payload_hash=b"",
                moves_hash=posting.moves_hash(kind, [move]),
                requested_by=self.officers[0],
                reason="test",
                requested_at=self.now,
                expires_at=self.now + timedelta(days=1),
            )
            Decision.objects.create(request=request, approver=self.officers[1], verdict="approve", at=self.now)
            request.status, request.decided_at = "approved", self.now
            request.save(update_fields=["status", "decided_at"])
            paper = evidence.record(
                type="statement_line", source="test", reference=f"{kind}-{self.references}", at=self.now
            )
            posting.post(
                kind, [move], key=f"{kind}:{self.references}", now=self.now, evidence=paper, approval=request.pk
            )


def available(owner: Any, currency: str = "USD") -> Decimal:
    return accounts.wallet(owner, currency).available.live_balance


def principal(position: Position) -> Decimal:
    """What the ledger holds of a position."""
    from ledger.models import Account

    account = Account.objects.filter(kind="principal", subject=str(position.pk)).first()
    return account.live_balance if account else Decimal(0)


def spans(position: Position) -> list[tuple[date, date | None, Decimal, bool]]:
    """The position's term rows: from, to, principal, earns."""
    rows = position.terms.order_by("from_on").values_list("from_on", "to_on", "principal", "earns")
    return [(from_on, to_on, held.normalize() + 0, earns) for from_on, to_on, held, earns in rows]
