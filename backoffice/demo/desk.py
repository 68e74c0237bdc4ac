"""What people do at the desks of the demo, each verb through the same services as the API and the console."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.files.base import ContentFile

from accounts.models import User
from api.keys import RequestKey
from core.money import Money
from investments import services as investing
from investments.models import Position, Product
from offers.models import Offer
from oversight import services as oversight
from oversight.models import ApprovalRequest
from payments.models import Deposit
from payments.services import credits, deposits
from treasury import services as treasury
from treasury.models import Asset, Verb
from treasury.services import Counterparty, Paper

CASH = "bank"
BANK = "Example Bank, Cotonou"
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n% "


@dataclass
class Desk:
    """Officers at work: `asks` requests, the others approve; `now` is the clock of the story."""

    asks: User
    approves: list[User]
    now: datetime
    papers: int = 0

    def document(self, what: str) -> ContentFile[bytes]:
        """A paper of its own, never twice the same bytes."""
        self.papers += 1
        return ContentFile(PDF + f"{what} {self.papers}\n".encode(), name=f"{what}-{self.papers}.pdf")

    def paper(self, what: str, source: str = BANK) -> Paper:
        self.papers += 1
        reference = f"{what.upper()}-{self.papers:05d}"
        content = PDF + f"{reference}\n".encode()
        return Paper(source=source, reference=reference, name=f"{reference.lower()}.pdf", content=content)

    def approve(self, request: ApprovalRequest) -> ApprovalRequest:
        """Have as many others approve as the request needs, none of whom asked for it."""
        others = [officer for officer in self.approves if officer.pk != request.requested_by_id]
        for officer in others[: request.approvals]:
            request = oversight.approve(request.pk, by=officer, now=self.now, note="checked against the paper")
        return oversight.require_carried_out(request)

    # Investors
    def announce(self, investor: User, amount: Money, *, position: UUID | None = None) -> Deposit:
        """The investor says that a bank transfer will come."""
        self.papers += 1
        key = RequestKey(investor.pk, "POST", "/api/v1/deposits", f"story-{self.papers}", str(self.papers).encode())
        return deposits.request_deposit(
            investor, key=key, amount=amount, method="bank_transfer", now=self.now, position_id=position
        )

    def ask_confirmation(self, deposit: Deposit, *, value_on: date | None = None) -> ApprovalRequest:
        """Record that its money is on the bank's statement."""
        document = self.document("credit-advice")
        return credits.request_confirmation(
            deposit.pk,
            by=self.asks,
            now=self.now,
            bank_reference=f"BNK{self.papers:07d}",
            amount=Money(deposit.amount, deposit.currency_id),
            value_on=value_on,
            document=document,
            reason="On the bank's statement with the payment reference",
        )

    def deposit(
        self, investor: User, amount: Money, *, position: UUID | None = None, value_on: date | None = None
    ) -> Deposit:
        """A bank transfer announced, arrived and confirmed."""
        deposit = self.announce(investor, amount, position=position)
        self.approve(self.ask_confirmation(deposit, value_on=value_on))
        return deposit

    def deposit_token(self, investor: User, amount: Money) -> None:
        """Money for which there is no payment method yet: the custodian has more than the books; it is allotted."""
        self.move(
            treasury.REQUESTS[Verb.CASH_SURPLUS],
            "custody-statement",
            cash=CASH,
            currency=amount.currency,
            amount=amount.amount,
            source="Custodian",
        )
        self.move(
            treasury.REQUESTS[Verb.SUSPENSE_ALLOT],
            "allotment",
            cash=CASH,
            currency=amount.currency,
            investor=investor.pk,
            amount=amount.amount,
        )

    def open(self, investor: User, product: Product, *, amount: Decimal | None = None) -> Position:
        version = product.versions.active().get()
        return investing.open_position(
            investor, product=product.pk, disclosure_version=version.disclosure_version, now=self.now, amount=amount
        )

    # Treasury
    def move(self, verb: Callable[..., ApprovalRequest], what: str, **terms: Any) -> ApprovalRequest:
        """A verb of the treasury, on a paper, asked and approved."""
        reason = terms.pop("reason", "As the attached paper says")
        source = terms.pop("source", BANK)
        return self.approve(verb(paper=self.paper(what, source), reason=reason, by=self.asks, now=self.now, **terms))

    def open_asset(self, of: Product | Offer, name: str) -> Asset:
        return treasury.open_asset(scope=of.scope, currency=of.currency, name=name, by=self.asks, now=self.now)

    def deploy(self, asset: Asset, amount: Decimal, party: Counterparty) -> None:
        self.move(
            treasury.REQUESTS[Verb.DEPLOY],
            "loan-agreement",
            asset=asset.pk,
            cash=CASH,
            amount=amount,
            counterparty=party,
        )

    def divest(self, asset: Asset, amount: Decimal, party: Counterparty) -> None:
        self.move(
            treasury.REQUESTS[Verb.DIVEST], "repayment", asset=asset.pk, cash=CASH, amount=amount, counterparty=party
        )

    def income(self, asset: Asset, amount: Decimal, party: Counterparty) -> None:
        self.move(
            treasury.REQUESTS[Verb.RECORD_INCOME],
            "interest-note",
            asset=asset.pk,
            cash=CASH,
            amount=amount,
            counterparty=party,
            income_basis="The borrower's interest note, schedule B: interest, no repayment of principal",
        )

    def pay_in(self, amount: Money, party: Counterparty) -> None:
        self.move(
            treasury.REQUESTS[Verb.PAY_IN_CAPITAL],
            "capital-call",
            cash=CASH,
            currency=amount.currency,
            amount=amount.amount,
            counterparty=party,
        )

    def fill_pool(self, product: Product, amount: Decimal) -> None:
        """Firm capital into a product's pool."""
        self.move(
            treasury.REQUESTS[Verb.FUND_POOL],
            "board-minute",
            scope=product.scope,
            currency=product.currency,
            amount=amount,
            source="Board of Fiducia",
        )

    def state(self, balance: Money, day: date) -> None:
        """What the bank says it holds at the end of a day."""
        self.move(
            treasury.request_record_statement_balance,
            "statement",
            cash=CASH,
            currency=balance.currency,
            balance=balance.amount,
            day=day,
        )

    def value(self, asset: Asset, amount: Decimal, on: date) -> None:
        self.move(
            treasury.request_value_asset,
            "valuation",
            asset=asset.pk,
            amount=amount,
            valued_on=on,
            source="Cabinet Zinsou, valuers",
        )
