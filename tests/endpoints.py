"""Every endpoint of the API in one table, with a good body, and Ana's world to call it in.

`test_eve.py`, `test_bad_input.py` and `test_answers.py` go through it; a new endpoint without a line fails.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import Enum
from functools import partial
from typing import Any
from uuid import uuid4

from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import services
from accounts.models import SocialIdentity
from accounts.models.social import subject_index
from accounts.services import avatars
from accounts.tests.authenticator import Authenticator
from core.money import Money
from investments.tests.worlds import World
from ledger.models import Transaction
from notifications import services as notifications
from notifications.models import Notification
from notifications.services import devices
from offers import services as offering
from offers.models import Offer
from oversight.models import ApprovalRequest
from payments.services import deposits
from protection import services as protection
from protection.models import Disclosure, KnowledgeTest
from tests.people import PASSWORD, make_investor, make_ready

PREFIX = "/api/v1"
METHODS = ("get", "post", "put", "patch", "delete")


class Whose(Enum):
    """PUBLIC answers anybody, SELF shows or changes what is the caller's, ONE names a row that somebody owns."""

    PUBLIC = "public"
    SELF = "self"
    ONE = "one"
    STAFF = "staff"


@dataclass(frozen=True)
class Line:
    """`body` is good as it stands, but for what `AnasWorld.fill` puts in; `free` are its fields that take any text."""

    whose: Whose
    body: dict[str, Any] | None = None
    free: tuple[str, ...] = ()


POSITION = "/investment/accounts/{position_id}"
SIGN_UP = {
    "email": "zoe@example.com",
    "password": "a very good passphrase",
    "first_name": "Zoé",
    "last_name": "Agbossou",
    "country": "BJ",
    "phone": "+2290197123456",
    "language": "en",
    "referral_code": "",
}
SOCIAL = {name: SIGN_UP[name] for name in ("first_name", "last_name", "country", "language", "referral_code")}
SOCIAL |= {"id_token": "x"}
MADE = {
    "id": "aQ",
    "rawId": "aQ",
    "type": "public-key",
    "response": {"clientDataJSON": "e30", "attestationObject": "oA"},
}
DEPOSIT = {"amount": "250.00", "currency": "USD", "method": "bank_transfer", "investment_account": "POSITION"}

OFFER = "/offers/{offer_id}"
STAFF_OFFER = "/staff/offers/{offer_id}"
DRAFT = {
    "code": "mill",
    "name": "Mill",
    "description": "A mill.",
    "currency": "USD",
    "max_amount": "900.00",
    "minimum_ticket": "20.00",
    "target": "300.00",
    "funding": "all_or_nothing",
    "deadline": "2040-01-31",
    "maturity_date": "2041-01-31",
    "expected_return": "0.08",
    "return_basis": "a year",
    "risk_class": 5,
    "disclosure": "You may lose all of it.",
    "disclosure_version": "2026-06",
}
TEXTS = ("code", "name", "description", "return_basis", "disclosure", "disclosure_version")

EVERY: dict[tuple[str, str], Line] = {
    ("post", "/auth/signup"): Line(Whose.PUBLIC, SIGN_UP, free=("first_name", "last_name", "password")),
    ("post", "/auth/login"): Line(
        Whose.PUBLIC, {"identifier": "ana@example.com", "password": PASSWORD}, free=("identifier", "password")
    ),
    ("post", "/auth/login/mfa"): Line(Whose.PUBLIC, {"mfa_token": "x", "code": "123456"}, free=("mfa_token", "code")),
    ("post", "/auth/login/mfa/options"): Line(Whose.PUBLIC, {"mfa_token": "x"}, free=("mfa_token",)),
    ("post", "/auth/refresh"): Line(Whose.PUBLIC, {"refresh": "REFRESH"}, free=("refresh",)),
    ("post", "/auth/logout"): Line(Whose.PUBLIC, {"refresh": "REFRESH"}, free=("refresh",)),
    ("post", "/auth/password/reset"): Line(Whose.PUBLIC, {"identifier": "ana@example.com"}, free=("identifier",)),
    ("post", "/auth/password/reset/confirm"): Line(
        Whose.PUBLIC, {"token": "x", "new_password": "another good passphrase"}, free=("token", "new_password")
    ),
    ("post", "/auth/password/change"): Line(
        Whose.SELF,
        {"current_password": PASSWORD, "new_password": "another good passphrase"},
        free=("current_password", "new_password"),
    ),
    ("post", "/auth/mfa/totp"): Line(Whose.SELF, {"password": PASSWORD}, free=("password",)),
    ("delete", "/auth/mfa/totp"): Line(Whose.SELF),
    ("post", "/auth/mfa/totp/confirm"): Line(Whose.SELF, {"code": "123456"}, free=("code",)),
    ("get", "/auth/mfa/passkeys"): Line(Whose.SELF),
    ("post", "/auth/mfa/passkeys"): Line(Whose.SELF, {"name": "laptop", "passkey": MADE}, free=("name",)),
    ("post", "/auth/mfa/passkeys/options"): Line(Whose.SELF, {"password": PASSWORD}, free=("password",)),
    ("delete", "/auth/mfa/passkeys/{passkey_id}"): Line(Whose.ONE),
    ("post", "/auth/mfa/verify"): Line(Whose.SELF, {"code": "123456"}, free=("code",)),
    ("post", "/auth/mfa/verify/options"): Line(Whose.SELF, {}),
    ("post", "/auth/mfa/recovery-codes"): Line(Whose.SELF, {"code": "123456"}, free=("code",)),
    ("post", "/auth/pin"): Line(Whose.SELF, {"pin": "402917", "password": PASSWORD}, free=("password",)),
    ("post", "/auth/pin/verify"): Line(
        Whose.SELF, {"pin": "402917", "method": "PATCH", "path": "/api/v1/users/me"}, free=("path",)
    ),
    ("post", "/auth/pin/reset"): Line(Whose.SELF, {"channel": "email"}),
    ("post", "/auth/pin/reset/confirm"): Line(
        Whose.SELF,
        {"pin": "402917", "password": PASSWORD, "channel": "email", "code": "123456"},
        free=("password",),
    ),
    ("post", "/auth/verify-email"): Line(Whose.PUBLIC, {"token": "x"}, free=("token",)),
    ("post", "/auth/verify-otp"): Line(Whose.SELF, {"code": "123456"}),
    ("post", "/auth/resend-otp"): Line(Whose.SELF, {"channel": "email"}),
    ("post", "/auth/social/nonce"): Line(Whose.PUBLIC, {}),
    ("post", "/auth/social/google"): Line(Whose.PUBLIC, SOCIAL, free=("id_token", "first_name", "last_name")),
    ("post", "/auth/social/apple"): Line(Whose.PUBLIC, SOCIAL, free=("id_token", "first_name", "last_name")),
    ("post", "/auth/social/link/confirm"): Line(Whose.PUBLIC, {"token": "x"}, free=("token",)),
    ("get", "/users/me/identities"): Line(Whose.SELF),
    ("post", "/users/me/identities"): Line(Whose.SELF, {"provider": "google", "id_token": "x"}, free=("id_token",)),
    ("delete", "/users/me/identities/{identity_id}"): Line(Whose.ONE),
    ("get", "/users/me/avatar"): Line(Whose.ONE),
    ("put", "/users/me/avatar"): Line(Whose.SELF),
    ("delete", "/users/me/avatar"): Line(Whose.ONE),
    ("get", "/users/me"): Line(Whose.SELF),
    ("patch", "/users/me"): Line(
        Whose.SELF,
        {"first_name": "Anna", "last_name": "Houngbo", "time_zone": "Africa/Porto-Novo", "language": "fr"},
        free=("first_name", "last_name"),
    ),
    ("get", "/users/me/export"): Line(Whose.SELF),
    ("get", "/users/me/sessions"): Line(Whose.SELF),
    ("delete", "/users/me/sessions"): Line(Whose.SELF),
    ("delete", "/users/me/sessions/{session_id}"): Line(Whose.ONE),
    ("get", "/notifications"): Line(Whose.SELF),
    ("post", "/notifications/read"): Line(Whose.SELF, {"ids": "NOTIFICATIONS"}),
    ("get", "/notifications/preferences"): Line(Whose.SELF),
    ("patch", "/notifications/preferences"): Line(
        Whose.SELF,
        {"channels": {"returns": {"email": True}}, "quiet_hours": {"begins": "22:00", "ends": "07:00"}},
    ),
    ("post", "/devices"): Line(Whose.SELF, {"token": "fcm:APA91bEves-Token_00009", "platform": "ios"}),
    ("delete", "/devices/{token}"): Line(Whose.ONE),
    ("get", "/wallets"): Line(Whose.SELF),
    ("get", "/wallets/{currency}"): Line(Whose.SELF),
    ("get", "/wallets/{currency}/statement"): Line(Whose.SELF),
    ("get", "/transactions"): Line(Whose.SELF),
    ("get", "/transactions/{transaction_id}"): Line(Whose.ONE),
    ("get", "/payment-methods"): Line(Whose.SELF),
    ("get", "/deposits"): Line(Whose.SELF),
    ("post", "/deposits"): Line(Whose.SELF, DEPOSIT),
    ("get", "/deposits/{deposit_id}"): Line(Whose.ONE),
    ("get", "/investment/products"): Line(Whose.PUBLIC),
    ("get", "/investment/products/{product_id}"): Line(Whose.PUBLIC),
    ("get", "/investment/tiers"): Line(Whose.PUBLIC),
    ("get", "/investment/tiers/{product_id}"): Line(Whose.PUBLIC),
    ("get", "/investment/vip-packages"): Line(Whose.PUBLIC),
    ("get", "/investment/staking-plans"): Line(Whose.PUBLIC),
    ("get", "/investment/accounts"): Line(Whose.SELF),
    ("post", "/investment/accounts"): Line(
        Whose.SELF,
        {"product": "PRODUCT", "amount": "100.00", "disclosure_version": "DISCLOSURE"},
        free=("disclosure_version",),
    ),
    ("get", POSITION): Line(Whose.ONE),
    ("post", f"{POSITION}/fund"): Line(Whose.ONE, {"amount": "10.00"}),
    ("post", f"{POSITION}/withdraw"): Line(Whose.ONE, {"amount": "10.00"}),
    ("post", f"{POSITION}/pause"): Line(Whose.ONE, {}),
    ("post", f"{POSITION}/resume"): Line(Whose.ONE, {}),
    ("post", f"{POSITION}/cancel"): Line(Whose.ONE, {}),
    ("get", f"{POSITION}/returns"): Line(Whose.ONE),
    ("get", f"{POSITION}/forecast"): Line(Whose.ONE),
    ("get", "/disclosures/{disclosure_id}"): Line(Whose.SELF),
    ("post", "/disclosures/{disclosure_id}/accept"): Line(Whose.SELF, {}),
    ("get", "/knowledge-test"): Line(Whose.SELF),
    ("post", "/knowledge-test"): Line(Whose.SELF, {"test": "TEST", "answers": "ANSWERS"}),
    ("post", "/loss-simulation"): Line(
        Whose.SELF, {"currency": "USD", "income": "24000.00", "assets": "10000.00", "commitments": "9000.00"}
    ),
    ("post", "/risk-warnings"): Line(Whose.SELF, {"subject": "product:basic", "amount": "2000.00", "currency": "USD"}),
    ("post", "/risk-warnings/{warning_id}/confirm"): Line(Whose.ONE, {}),
    ("get", "/offers"): Line(Whose.SELF),
    ("get", OFFER): Line(Whose.SELF),
    ("post", f"{OFFER}/invest"): Line(
        Whose.SELF,
        {"amount": "20.00", "currency": "USD", "disclosure_version": "2026-06"},
        free=("disclosure_version",),
    ),
    ("get", f"{OFFER}/waiting-list"): Line(Whose.ONE),
    ("delete", f"{OFFER}/waiting-list"): Line(Whose.ONE),
    ("get", "/offer-investments"): Line(Whose.SELF),
    ("post", "/offer-investments/{investment_id}/withdraw"): Line(Whose.ONE, {}),
    ("get", "/staff/offers"): Line(Whose.STAFF),
    ("post", "/staff/offers"): Line(Whose.STAFF, DRAFT, free=TEXTS),
    ("get", STAFF_OFFER): Line(Whose.STAFF),
    ("patch", STAFF_OFFER): Line(Whose.STAFF, {"max_amount": "80.00", "description": "New."}, free=("description",)),
    ("post", f"{STAFF_OFFER}/publish"): Line(Whose.STAFF, {"reason": "ready"}, free=("reason",)),
    ("post", f"{STAFF_OFFER}/pause"): Line(Whose.STAFF, {"reason": "a question"}, free=("reason",)),
    ("post", f"{STAFF_OFFER}/resume"): Line(Whose.STAFF, {"reason": "answered"}, free=("reason",)),
    ("post", f"{STAFF_OFFER}/close"): Line(Whose.STAFF, {"reason": "full"}, free=("reason",)),
    ("get", "/staff/approvals"): Line(Whose.STAFF),
    ("get", "/staff/approvals/{request_id}"): Line(Whose.STAFF),
    ("post", "/staff/approvals/{request_id}/approve"): Line(
        Whose.STAFF, {"note": "seen", "seen": "0" * 64}, free=("note",)
    ),
    ("post", "/staff/approvals/{request_id}/reject"): Line(Whose.STAFF, {"note": "no"}, free=("note",)),
    ("get", "/transparency/coverage"): Line(Whose.PUBLIC),
}


@dataclass
class AnasWorld:
    """Ana with a funded position, a deposit on its way, a wallet, all of an offer and a place in its line; Eve with
    nothing; the ids of it all.
    """

    world: World
    ana: Any
    eve: Any
    ids: dict[str, Any] = field(default_factory=dict)
    tokens: dict[Any, str] = field(default_factory=dict)

    @property
    def officer(self) -> Any:
        """Lin, who has asked for nothing."""
        return self.world.officers[1]

    def client(self, person: Any) -> APIClient:
        """A client that calls as this person, or as nobody; a bug is a 500, as outside."""
        client = APIClient(raise_request_exception=False)
        if person is not None:
            client.credentials(HTTP_AUTHORIZATION=f"Bearer {self.tokens[person.pk]}")
        return client

    def fill(self, body: dict[str, Any] | None) -> dict[str, Any] | None:
        """Put Ana's ids where a body of the table says so."""
        return None if body is None else {name: self.ids.get(str(value), value) for name, value in body.items()}

    def path(self, template: str, **others: str) -> str:
        return PREFIX + template.format(**{**self.ids, **others})


def make_world() -> AnasWorld:
    """Build it through the services, today."""
    world = World()
    here = AnasWorld(world, make_investor("Ana", kyc_level=1), make_investor("Eve", kyc_level=1))
    make_ready(here.eve, at=world.now)
    position = world.open(here.ana, "basic", "500.00")
    world.pay_in(here.ana, "70.00")
    deposit = deposits.request_deposit(
        here.ana, key=_Unkeyed(), amount=Money(Decimal("25.00"), "USD"), method="bank_transfer", now=timezone.now()
    )
    warning = protection.show_warning(
        investor=here.ana, subject="product:basic", amount=Decimal("900.00"), currency="USD", now=timezone.now()
    )
    test = KnowledgeTest.objects.present()
    offer = live_offer(world)
    make_ready(here.ana, at=timezone.now())
    invest = partial(offering.invest, here.ana, offer=offer.pk, currency="USD", disclosure_version="2026-06")
    investment = invest(amount=Decimal("60.00"), now=timezone.now())
    invest(amount=Decimal("40.00"), join_waiting_list=True, now=timezone.now())
    here.ids = {
        "disclosure_id": str(Disclosure.objects.get(subject="product:basic").pk),
        "warning_id": str(warning.pk),
        "TEST": str(test.pk),
        "ANSWERS": {question.id: question.answer for question in test.asked()},
        "offer_id": str(offer.pk),
        "investment_id": str(investment.pk),
        "position_id": str(position.pk),
        "POSITION": str(position.pk),
        "deposit_id": str(deposit.pk),
        "transaction_id": str(Transaction.objects.filter(kind="deposit").earliest("pk").pk),
        "request_id": str(ApprovalRequest.objects.earliest("pk").pk),
        "product_id": str(position.product_id),
        "PRODUCT": str(position.product_id),
        "DISCLOSURE": position.disclosure_version,
        "currency": "USD",
    }
    for person in (here.ana, here.eve, here.officer):
        pair = services.log_in(person.email, PASSWORD, device=services.Device(), now=timezone.now())
        here.tokens[person.pk], here.ids["REFRESH"] = pair.access, pair.refresh
    here.officer.sessions.update(second_factor_at=timezone.now())
    session = here.ana.sessions.get()
    here.ids |= {"session_id": str(session.pk), "token": "fcm:APA91bAnas-Token_00001"}
    devices.register_device(here.ana, token=here.ids["token"], platform="android", session=session, now=timezone.now())
    notifications.notify(here.ana, "pin_set", facts={}, key="PIN of Ana", now=timezone.now())
    here.ids["NOTIFICATIONS"] = [str(Notification.objects.get(key="PIN of Ana").pk)]
    identity = SocialIdentity.objects.create(
        user=here.ana, provider="google", subject_index=subject_index("google", "1"), created_at=timezone.now()
    )
    here.ids["identity_id"] = str(identity.pk)
    here.ids["passkey_id"] = str(Authenticator().keep(here.ana, at=timezone.now()).pk)
    avatars.keep(here.ana, b"Ana's face", now=timezone.now())
    return here


def live_offer(world: World) -> Offer:
    """An offer of 60 dollars, live for as long as these tests are run."""
    terms = DRAFT | {"code": "harbour", "max_amount": Decimal(60), "minimum_ticket": Decimal(20), "target": Decimal(20)}
    terms |= {"deadline": date(2040, 1, 31), "maturity_date": date(2041, 1, 31), "expected_return": Decimal("0.08")}
    draft = offering.draft_offer(terms, by=world.officers[0], now=world.now)
    world.approve(offering.request_publication(draft.pk, by=world.officers[0], reason="ready", now=world.now))
    return draft


class _Unkeyed:
    """A row that no request made."""

    def columns(self) -> dict[str, Any]:
        return {}


def call(client: APIClient, method: str, path: str, body: Any = None) -> Any:
    """Send a request under a key of its own; `body` may be raw text."""
    if method == "get":
        return client.get(path)
    content = body if isinstance(body, str) else json.dumps(body)
    send = getattr(client, method)
    return send(path, content, content_type="application/json", headers={"Idempotency-Key": uuid4().hex})


def operations(schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every method and path below the prefix, with what the document says of it."""
    for path, item in schema["paths"].items():
        for method in METHODS:
            if method in item:
                yield method, path.removeprefix(PREFIX), item[method]


# Counters of attempts commit by themselves, whatever becomes of the request.
COUNTS_ATTEMPTS = {"accounts_loginfailure"}


def rows_of_everything() -> dict[str, str]:
    """Fingerprint every table, so that a test can say that nothing changed."""
    with connection.cursor() as cursor:
        tables = [name for name in connection.introspection.table_names(cursor) if name not in COUNTS_ATTEMPTS]
        each = [
            f"SELECT '{name}', md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM \"{name}\" t"
            for name in tables
        ]
        cursor.execute(" UNION ALL ".join(each))
        return dict(cursor.fetchall())
