"""Passkeys: register one, prove that one has it, give one up. Source: docs/rules/access.md §10, WebAuthn Level 2 §7."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from fido2.cose import UnsupportedKey
from fido2.server import Fido2Server
from fido2.webauthn import (
    AuthenticationResponse,
    AuthenticatorData,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from accounts import lockout, rules
from accounts.errors import LastFactor, TooMany, WrongFactor
from accounts.models import Passkey, PasskeyChallenge, User
from accounts.services import factors, recovery, sensitive
from core.commands import command
from core.errors import NotFound

PASSKEY = "passkey"
REGISTER, PROVE = PasskeyChallenge.Purpose.REGISTER, PasskeyChallenge.Purpose.PROVE
Answer = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Site:
    """Where the browser stands: the host without its port, and the origin (`https://console.firm.example`)."""

    host: str
    origin: str

    @property
    def server(self) -> Fido2Server:
        return Fido2Server(PublicKeyCredentialRpEntity(id=self.host, name=factors.ISSUER), verify_origin=self.is_here)

    def is_here(self, origin: str) -> bool:
        return origin == self.origin


@dataclass(frozen=True, slots=True)
class Assertion:
    """A passkey's answer to the newest challenge."""

    answer: Answer
    site: Site

    def use(self, person: User, *, now: datetime) -> str:
        """Check it and use it up (a step). Raises WrongFactor."""
        keys = Passkey.objects.lock_all(person.pk)
        challenge = _take(person, PROVE, now=now)
        try:
            found = self.site.server.authenticate_complete(challenge.state, [key.attested for key in keys], self.answer)
            counter = AuthenticationResponse.from_dict(self.answer).response.authenticator_data.counter
        except Exception as error:  # what a browser sends may fail anywhere in the parser
            raise WrongFactor from error
        key = next(each for each in keys if bytes(each.credential_id) == found.credential_id)
        _count(key, counter, now=now)
        lockout.forget(factors.counter(person.pk))
        return PASSKEY


def _count(key: Passkey, counter: int, *, now: datetime) -> None:
    """Move the authenticator's counter on: one that stands still or goes back is a copy's. Source: WebAuthn §6.1.1."""
    if (counter or key.counter) and counter <= key.counter:
        raise WrongFactor
    key.counter, key.last_used_at = counter, now
    key.save(update_fields=["counter", "last_used_at"])


@command
def ask_to_register(user: User, *, site: Site, proved_at: datetime | None = None, now: datetime) -> dict[str, Any]:
    """Return what the browser needs to make a passkey (PublicKeyCredentialCreationOptionsJSON).

    `proved_at` is when another factor was given. Raises SecondFactorNeeded, TooMany.
    """
    person = User.objects.lock(user.pk)
    factors.require_proof(person, proved_at, now=now)
    keys = Passkey.objects.lock_all(person.pk)
    if len(keys) >= rules.PASSKEYS:
        raise TooMany(most=rules.PASSKEYS)
    name = person.masked_email or person.masked_phone
    options, state = site.server.register_begin(
        PublicKeyCredentialUserEntity(id=person.pk.bytes, name=name, display_name=name),
        [key.attested for key in keys],
        resident_key_requirement=ResidentKeyRequirement.DISCOURAGED,
        user_verification=UserVerificationRequirement.PREFERRED,
    )
    _keep(person, REGISTER, state, now=now)
    return dict(options.public_key)


@command
def register(
    user: User, answer: Answer, *, name: str, site: Site, proved_at: datetime | None = None, now: datetime
) -> list[str]:
    """Take the passkey that the browser made. Return recovery codes if this is the first factor: they are shown once.

    Raises WrongFactor, SecondFactorNeeded.
    """
    person = User.objects.lock(user.pk)
    is_first = factors.require_proof(person, proved_at, now=now)
    challenge = _take(person, REGISTER, now=now)
    try:
        made: AuthenticatorData = site.server.register_complete(challenge.state, answer)
    except Exception as error:  # what a browser sends may fail anywhere in the parser
        raise WrongFactor from error
    _keep_key(person, made, name=name, now=now)
    if is_first:
        factors.end_what_the_password_opened(person, keep=None, now=now)
    sensitive.factor_changed(person, "accounts.passkey_added", now=now)
    return recovery.draw(person, now=now) if is_first else []


def _keep_key(person: User, made: AuthenticatorData, *, name: str, now: datetime) -> None:
    """Keep the public half of a key that we can check, under an identifier that nobody has. Source: WebAuthn §7.1."""
    credential = made.credential_data
    if credential is None or len(credential.credential_id) > rules.PASSKEY_ID_BYTES:
        raise WrongFactor
    if isinstance(credential.public_key, UnsupportedKey):
        raise WrongFactor
    try:
        with transaction.atomic():
            Passkey.objects.create(
                user=person,
                name=name,
                credential_id=credential.credential_id,
                credential=bytes(credential),
                counter=made.counter,
                created_at=now,
            )
    except IntegrityError as error:
        raise WrongFactor from error


@command
def ask_to_prove(user: User, *, site: Site, now: datetime) -> dict[str, Any]:
    """Return what the browser needs to use a passkey (PublicKeyCredentialRequestOptionsJSON). Raises NotFound."""
    person = User.objects.lock(user.pk)
    keys = [key.attested for key in Passkey.objects.filter(user=person)]
    if not keys:
        raise NotFound("There is no passkey here.")
    options, state = site.server.authenticate_begin(keys, user_verification=UserVerificationRequirement.PREFERRED)
    _keep(person, PROVE, state, now=now)
    return dict(options.public_key)


@command
def remove(user: User, passkey_id: UUID, *, now: datetime) -> None:
    """Give a passkey up, but not an officer's last factor. Raises NotFound, LastFactor."""
    person = User.objects.lock(user.pk)
    keys = Passkey.objects.lock_all(person.pk)
    key = next((each for each in keys if each.pk == passkey_id), None)
    if key is None:
        raise NotFound
    if person.is_staff and len(keys) == 1 and not factors.has_app(person):
        raise LastFactor
    key.delete()
    if not factors.has_factor(person):
        recovery.end(person, now=now)
    sensitive.factor_changed(person, "accounts.passkey_removed", now=now)


def _keep(person: User, purpose: str, state: Any, *, now: datetime) -> None:
    PasskeyChallenge.objects.update_or_create(
        user=person, purpose=purpose, defaults={"state": state, "created_at": now}
    )


def _take(person: User, purpose: str, *, now: datetime) -> PasskeyChallenge:
    challenge = PasskeyChallenge.objects.take(person.pk, purpose)
    if challenge is None or now - challenge.created_at > rules.PASSKEY_CHALLENGE_LIFETIME:
        raise WrongFactor
    return challenge
