"""A small platform to try offers on: an open ledger, officers, one offer, investors who may invest."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction

from ledger import accounts, days, evidence, posting, verify
from ledger.posting import Move
from offers import services
from offers import verify as offers_verify
from offers.models import Offer, OfferInvestment
from oversight import services as oversight
from oversight.models import ApprovalRequest, Decision
from protection.models import Jurisdiction
from protection.services.jurisdictions import RULES
from tests.people import make_investor, make_officer, make_ready

FIRST_DAY = date(2026, 6, 1)
NOON = datetime.combine(FIRST_DAY, time(12), UTC)
LATE = timedelta(days=5)
"""Longer than the reflection period."""


def terms(**changes: Any) -> dict[str, Any]:
    """The terms of an offer of 1,000 AED, tickets from 100."""
    return {
        "code": "harbour",
        "name": "Harbour cold store",
        "description": "A cold store beside the fishing harbour.",
        "currency": "AED",
        "max_amount": Decimal(1000),
        "minimum_ticket": Decimal(100),
        "maximum_ticket": None,
        "target": Decimal(500),
        "funding": "all_or_nothing",
        "deadline": FIRST_DAY + timedelta(days=30),
        "maturity_date": FIRST_DAY + timedelta(days=395),
        "expected_return": Decimal("0.08"),
        "return_basis": "of the principal in a year, after costs, before tax",
        "risk_class": 5,
        "kyc_level": 1,
        "disclosure": "You may lose all of it.",
        "disclosure_version": "2026-06",
        "metadata": {},
        **changes,
    }


class World:
    """`now` moves by `later`; the ledger's day stays open unless `next_day` closes it."""

    def __init__(self) -> None:
        self.now = NOON
        self.references = 0
        self.officers = [make_officer(name, "finance", "compliance") for name in ("Omar", "Lin", "Nia")]
        with transaction.atomic():
            days.open_ledger(FIRST_DAY)

    @property
    def day(self) -> date:
        return self.now.date()

    def later(self, span: timedelta = LATE) -> None:
        """Let time pass; days that are over close behind it."""
        until = self.now + span
        while self.day < until.date():
            closing, self.now = self.day, min(self.now + timedelta(days=1), until)
            with transaction.atomic():
                days.close(closing, now=self.now)
        self.now = until

    def approve(self, request: Any) -> Any:
        """Let the officers who didn't ask approve a request."""
        done = request
        for officer in self.officers[1 : 1 + request.approvals]:
            done = oversight.approve(request.pk, by=officer, now=self.now)
        return done

    def draft(self, **changes: Any) -> Offer:
        return services.draft_offer(terms(**changes), by=self.officers[0], now=self.now)

    def offer(self, **changes: Any) -> Offer:
        """A live offer."""
        offer = self.draft(**changes)
        self.approve(services.request_publication(offer.pk, by=self.officers[0], reason="ready", now=self.now))
        return Offer.objects.get(pk=offer.pk)

    def investor(self, name: str, offer: Offer, amount: str = "10000") -> Any:
        """Somebody who may invest in this offer, with money in the wallet."""
        person = make_investor(name, kyc_level=1)
        self.make_ready(person)
        if Decimal(amount):
            self.pay_in(person, amount, offer.currency)
        return person

    def make_ready(self, person: Any) -> None:
        """Have them have seen, passed and declared all that the offers there are ask for."""
        make_ready(person, at=self.now)

    def pay_in(self, owner: Any, amount: str, currency: str = "AED") -> None:
        """Credit a wallet with what a provider says has arrived."""
        self.references += 1
        with transaction.atomic():
            paper = evidence.record(
                type="provider_event", source="test", reference=f"in-{self.references}", at=self.now
            )
            cash = accounts.open_account("cash", currency, scope="bank")
            wallet = accounts.wallet(owner, currency)
            posting.post(
                "deposit",
                [Move(cash, wallet.available, Decimal(amount))],
                key=f"deposit:test:{self.references}",
                now=self.now,
                evidence=paper,
            )

    def put_to_work(self, offer: Offer, amount: str) -> None:
        """Deploy an offer's money."""
        self._move("deploy", offer, "deployed", "cash", amount)

    def bring_back(self, offer: Offer, amount: str) -> None:
        self._move("divest", offer, "cash", "deployed", amount)

    def write_down(self, offer: Offer, amount: str) -> None:
        """Record that so much of what is at work is lost."""
        self._move("offer_write_down", offer, "shortfall", "deployed", amount)

    def fill_pool(self, offer: Offer, amount: str) -> None:
        """Record income of the offer's asset."""
        self._move("income", offer, "cash", "returns_pool", amount)

    def _move(self, kind: str, offer: Offer, debit: str, credit: str, amount: str) -> None:
        """Post one of the treasury's kinds, with the paper and the approval that the ledger asks for."""
        self.references += 1
        with transaction.atomic():
            move = Move(self._account(debit, offer), self._account(credit, offer), Decimal(amount))
            paper = evidence.record(
                type="statement_line", source="test", reference=f"{kind}-{self.references}", at=self.now
            )
            posting.post(
                kind,
                [move],
                key=f"{kind}:{self.references}",
                now=self.now,
                evidence=paper,
                approval=self._approved(kind, move).pk,
            )

    def _account(self, kind: str, offer: Offer) -> Any:
        names = {"cash": ("bank", ""), "deployed": (offer.scope, "asset")}
        scope, subject = names.get(kind, (offer.scope, ""))
        return accounts.open_account(kind, offer.currency, scope=scope, subject=subject)

    def _approved(self, kind: str, move: Move) -> ApprovalRequest:
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
        return request

    def invest(self, person: Any, offer: Offer, amount: str, **more: Any) -> OfferInvestment:
        return services.invest(
            person,
            offer=offer.pk,
            amount=Decimal(amount),
            currency=offer.currency,
            disclosure_version=offer.disclosure_version,
            now=self.now,
            **more,
        )


def ask_otherwise(country: str, **rules: Any) -> None:
    """Let other rules hold for a country."""
    present = Jurisdiction.objects.of("")
    Jurisdiction.objects.create(country=country, **{**{name: getattr(present, name) for name in RULES}, **rules})


def wallet(owner: Any, currency: str = "AED") -> tuple[Decimal, Decimal]:
    """What is available and what is locked."""
    held = accounts.wallet(owner, currency)
    return held.available.live_balance, held.locked.live_balance


def committed(offer: Offer) -> Decimal:
    return Offer.objects.get(pk=offer.pk).committed_amount


def broken() -> list[str]:
    """What `verify_ledger` finds; seals, and rows of deposits that nobody made here, are left to others."""
    checks = verify.checks()
    names = (*verify.rows.SUMS, *verify.rows.SPECIAL, "rules", "transactions", "fingerprints", *offers_verify.CHECKS)
    return [what for name in names for what in checks[name]()]
