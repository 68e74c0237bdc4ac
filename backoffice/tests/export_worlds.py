"""Ana's world with a row of every kind that an export tells, and officers whose names and words must stay out of it."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django.utils import timezone

from accounts import services, sms
from accounts.models import (
    LoginFailure,
    PasswordResetToken,
    RecoveryCode,
    SmsCount,
    Totp,
    VerificationCode,
)
from api.models import KeptAnswer
from investments.models import (
    Accrual,
    AccrualAdjustment,
    Correction,
    ExitRequest,
    LateAccrual,
    Position,
    Settlement,
    SettlementReversal,
    SettlementRun,
)
from investments.partitions import make_partitions
from ledger.models import Evidence, Transaction
from notifications.models import Delivery, MessageCount, Notification, Preference, QuietHours
from offers.models import OfferDeed, OfferInvestment, OfferShare
from oversight import audit
from oversight.models import ApprovalRequest, Decision
from payments.models import BankCredit, Deposit
from protection import services as protection
from tests.endpoints import AnasWorld, make_world
from tests.people import PASSWORD, make_investor
from treasury.models import TreasuryMovement

PIN = "402917"
PATH = "/api/v1/users/me/export"
PHONE = "+2290197123456"
OFFICERS_WORD = "a suspicion that nobody may hear of"
SECRETS = ("totp-secret-of-ana", "recovery-hash-of-ana")


@dataclass
class Handed:
    """An archive that was handed out."""

    data: dict[str, Any]
    page: str
    accruals: str
    whole: str

    def says(self, text: str) -> bool:
        """Whether it stands there as a word of its own: Lin isn't in "Links"."""
        return re.search(rf"(?<!\w){re.escape(text)}(?!\w)", self.whole) is not None

    @classmethod
    def of(cls, answer: Any) -> Handed:
        with zipfile.ZipFile(io.BytesIO(answer.getvalue())) as archive:
            assert archive.testzip() is None
            names = ("data.json", "index.html", "accruals.csv")
            assert set(archive.namelist()) - {"picture.webp"} == set(names)
            texts = [archive.read(name).decode() for name in names]
        return cls(json.loads(texts[0], parse_float=_refuse), texts[1], texts[2], "\n".join(texts))


def _refuse(text: str) -> None:
    raise AssertionError(f"{text} is a float: amounts are strings")


def set_pin(person: Any) -> None:
    services.set_pin(person, pin=PIN, password=PASSWORD, now=timezone.now())


def token(here: AnasWorld, person: Any) -> str:
    """Exchange the PIN for a token, over HTTP."""
    given = {"pin": PIN, "method": "GET", "path": PATH}
    answer = here.client(person).post("/api/v1/auth/pin/verify", given, format="json")
    assert answer.status_code == 200, answer.content
    return str(answer.json()["pin_token"])


def ask(here: AnasWorld, person: Any, *, pin_token: str | None = None) -> Any:
    """Ask for everything, as this person."""
    return here.client(person).get(PATH, headers={"X-Pin-Token": pin_token or token(here, person)})


def make_full_world() -> AnasWorld:
    """Ana has a row in every part; what takes days or a bank to come about is written as rows."""
    here = make_world()
    here.ana.refresh_from_db()
    here.ana.identify(email=here.ana.email, phone=PHONE)
    here.ana.save(update_fields=["phone", "phone_index"])
    for person in (here.ana, here.eve):
        set_pin(person)
    _come_in(here)
    _be_told(here)
    _earn(here)
    _be_paid(here)
    _be_decided_about(here)
    return here


def _come_in(here: AnasWorld) -> None:
    ana, now = here.ana, timezone.now()
    later = now + timedelta(hours=1)
    VerificationCode.objects.create(
        user=ana, channel="email", purpose="change", address="ana.new@example.com", address_index=b"i", created_at=now,
        expires_at=later, secret_hash=b"secret",
    )  # fmt: skip
    PasswordResetToken.objects.create(user=ana, token_hash=b"reset-hash-of-ana", created_at=now, expires_at=later)
    Totp.objects.create(user=ana, sealed=Totp.seal(ana.pk, SECRETS[0]), created_at=now)
    RecoveryCode.objects.create(user=ana, code_hash=SECRETS[1].encode(), created_at=now)
    LoginFailure.objects.create(identifier_index=ana.email_index, failures=2, last_failed_at=now)
    SmsCount.objects.create(day=now.date(), scope=f"number:{sms.mark(PHONE)}", sent=3)
    KeptAnswer.objects.create(
        owner=ana, method="POST", path="/api/v1/deposits", key="ana-key", fingerprint=b"f", status=201, body=b"b",
        created_at=now,
    )  # fmt: skip


def _be_told(here: AnasWorld) -> None:
    ana, now = here.ana, timezone.now()
    told = Notification.objects.filter(user_id=ana.pk).earliest("pk")
    Delivery.objects.create(notification=told, user_id=ana.pk, channel="email", next_try_at=now, created_at=now)
    MessageCount.objects.create(hour=now.replace(minute=0, second=0, microsecond=0), user_id=ana.pk, channel="email")
    Preference.objects.create(user=ana, category="money", channel="sms", wanted=True)
    QuietHours.objects.create(user=ana)


def _earn(here: AnasWorld) -> None:
    position = Position.objects.get(pk=here.ids["position_id"])
    day, amount = date(2026, 6, 2), Decimal("0.123456789012345678")
    make_partitions(day)
    term = position.terms.order_by("from_on")[0]
    for offset in range(3):
        Accrual.objects.create(
            day=day + timedelta(days=offset), position=position, principal=Decimal(500), rate=term.rate, numerator=1,
            denominator=30, amount=amount,
        )  # fmt: skip
    LateAccrual.objects.create(position=position, day=day, booked_on=day, amount=amount)
    run = SettlementRun.objects.create(product=position.product, due_on=day)
    figures = {"earned": amount, "accrued_to_date": amount, "paid_to_date": Decimal("0.12"), "amount": Decimal("0.12")}
    Settlement.objects.create(run=run, position=position, due_on=day, exponent=2, **figures)
    SettlementReversal.objects.create(
        run=run, position=position, booked_on=day, amount=Decimal("0.12"), reason=OFFICERS_WORD, transaction=uuid4(),
        approval=uuid4(),
    )  # fmt: skip
    correction = Correction.objects.create(
        position=position, reason="late money", lines=[{"corrects_on": "2026-06-02", "amount": "0.5"}],
        source_key="late:1", approval=uuid4(), approved_at=here.world.now,
    )  # fmt: skip
    AccrualAdjustment.objects.create(
        correction=correction, position=position, booked_on=day, corrects_on=day, amount=Decimal("0.5"),
        reason="late money", source_key="late:1:2026-06-02",
    )  # fmt: skip
    ExitRequest.objects.create(
        position=position, product=position.product, kind="withdrawal", amount=Decimal(10), asked_at=here.world.now
    )


def _be_paid(here: AnasWorld) -> None:
    ana, now = here.ana, timezone.now()
    paper = Evidence.objects.create(
        type="document", source="bank", reference="BNK-1", sha256=hashlib.sha256(b"1").digest(), received_at=now
    )
    deposit = Deposit.objects.get(pk=here.ids["deposit_id"])
    BankCredit.objects.create(
        cash_scope="bank", bank_reference="BNK-1", currency=deposit.currency, amount=Decimal(25), evidence=paper,
        deposit=deposit, status="credited", booked_at=now, transaction_id=uuid4(),
    )  # fmt: skip
    asked = _request(here, target=None, verb="treasury.goodwill")
    TreasuryMovement.objects.create(
        verb="goodwill", transaction=Transaction.objects.earliest("pk"), request=asked, evidence=paper,
        amount=Decimal("5.00"), currency=deposit.currency, investor=ana, reason=OFFICERS_WORD,
        requested_by=here.world.officers[0], approved_by=here.officer, booked_on=now.date(),
    )  # fmt: skip
    investment = OfferInvestment.objects.get(pk=here.ids["investment_id"])
    deed = OfferDeed.objects.create(
        offer=investment.offer, verb="lose", amount=Decimal(1), principal=Decimal(60), investments=1, request=uuid4(),
        value_on=now.date(), made_at=now,
    )  # fmt: skip
    OfferShare.objects.create(deed=deed, investment=investment, amount=Decimal(1))
    protection.confirm_warning(here.ids["warning_id"], investor=ana, now=now)


def _be_decided_about(here: AnasWorld) -> None:
    """A level that was approved; a block that is only asked for, of which she must not hear."""
    ana, now = here.ana, timezone.now()
    omar = here.world.officers[0]
    _decide(here, _request(here, target=ana, verb="accounts.kyc_level"))
    _request(here, target=ana, verb="accounts.block")
    audit.record(
        "accounts.kyc_level_set", actor=omar, at=now, target=ana, before={"level": 0}, reason=OFFICERS_WORD,
        after={"level": 1, "by": str(omar.pk), "with": str(here.eve.pk)}, person=ana,
        personal={"before": "ana.old@x.org"},
    )  # fmt: skip


def _request(here: AnasWorld, *, target: Any, verb: str) -> ApprovalRequest:
    now = timezone.now()
    return ApprovalRequest.objects.create(
        verb=verb, title=f"Deed {verb}", payload_hash=b"", requested_by=here.world.officers[0], reason=OFFICERS_WORD,
        summary=[["Whom", OFFICERS_WORD]], requested_at=now, expires_at=now + timedelta(days=1),
        target_type=target._meta.label_lower if target else "", target_id=str(target.pk) if target else "",
    )  # fmt: skip


def _decide(here: AnasWorld, request: ApprovalRequest) -> None:
    Decision.objects.create(
        request=request, approver=here.officer, verdict="approve", note=OFFICERS_WORD, at=timezone.now()
    )
    request.status, request.decided_at = "approved", timezone.now()
    request.save(update_fields=["status", "decided_at"])


def zoe(here: AnasWorld) -> Any:
    """Somebody of whom nothing is held but who they are."""
    person = make_investor("Zoe")
    pair = services.log_in(person.email, PASSWORD, device=services.Device(), now=timezone.now())
    here.tokens[person.pk] = pair.access
    set_pin(person)
    return person
