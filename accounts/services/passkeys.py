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
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from accounts import lockout, rules
from accounts.errors import FactorMissing, LastFactor, TooMany, WrongFactor
from accounts.models import Passkey, PasskeyChallenge, Session, User
from accounts.services import copies, factors, passwords, pins, recovery, sensitive
from accounts.services.sessions import lock_caller
from accounts.sites import Site
from core.commands import command
from core.errors import NotFound

REGISTER, PROVE = PasskeyChallenge.Purpose.REGISTER, PasskeyChallenge.Purpose.PROVE
VERIFIED = UserVerificationRequirement.REQUIRED
"""The device makes sure of its owner (PIN, finger, face): whoever holds an unlocked one doesn't suffice."""
Answer = Mapping[str, Any]


def _server(site: Site) -> Fido2Server:
    entity = PublicKeyCredentialRpEntity(id=site.domain, name=factors.ISSUER)
    return Fido2Server(entity, verify_origin=lambda origin: origin in site.origins)


@dataclass(frozen=True, slots=True)
class Assertion:
    """A passkey's answer to the newest challenge of this visit."""

    answer: Answer
    site: Site

    def use(self, person: User, *, now: datetime) -> str:
        """Check it and use it up (a step). Raises WrongFactor."""
        keys = Passkey.objects.lock_all(person.pk)
        challenge = _take(person, PROVE, self.site, now=now)
        try:
            given = AuthenticationResponse.from_dict(self.answer)
            _server(self.site).authenticate_complete(challenge.state, [key.attested for key in keys], given)
            _require_whose(given, person)
        except Exception as error:  # what a browser sends may fail anywhere in the parser
            raise WrongFactor from error
        key = next(each for each in keys if bytes(each.credential_id) == given.raw_id)
        _count(key, given.response.authenticator_data.counter, now=now)
        lockout.forget(factors.counter(person.pk))
        return factors.PASSKEY


def _require_whose(given: AuthenticationResponse, person: User) -> None:
    """Refuse an answer from a page inside another site's, or for somebody else. Source: WebAuthn §7.2."""
    if given.response.client_data.cross_origin or given.response.user_handle not in (None, b"", person.pk.bytes):
        raise WrongFactor


def _count(key: Passkey, counter: int, *, now: datetime) -> None:
    """Move the authenticator's counter on: one that stands still or goes back is a copy's. Source: WebAuthn §6.1.1."""
    if (counter or key.counter) and counter <= key.counter:
        raise copies.Copied
    key.counter, key.last_used_at = counter, now
    key.save(update_fields=["counter", "last_used_at"])


@dataclass(frozen=True, slots=True)
class Registered:
    """A passkey that was added; `recovery_codes` if it is the first factor: they are shown once."""

    passkey: Passkey
    recovery_codes: list[str]


def enrol(user: User, *, password: str, site: Site, proved_at: datetime | None, now: datetime) -> dict[str, Any]:
    """Ask for a passkey to be made, with the password.

    `proved_at` is when another factor was given. Raises WrongPassword, LockedOut, SecondFactorNeeded, TooMany.
    """
    passwords.check_current_password(user, password, now=now)
    return ask_to_register(user, site=site, proved_at=proved_at, now=now)


@command
def ask_to_register(user: User, *, site: Site, proved_at: datetime | None = None, now: datetime) -> dict[str, Any]:
    """Return what the browser needs to make a passkey (PublicKeyCredentialCreationOptionsJSON).

    For whose password was just checked. Raises SecondFactorNeeded, TooMany.
    """
    person = User.objects.lock(user.pk)
    factors.require_proof(person, proved_at, now=now)
    keys = _with_room(person)
    name = person.masked_email or person.masked_phone
    options, state = _server(site).register_begin(
        PublicKeyCredentialUserEntity(id=person.pk.bytes, name=name, display_name=name),
        [key.attested for key in keys],
        resident_key_requirement=ResidentKeyRequirement.DISCOURAGED,
        user_verification=VERIFIED,
    )
    _keep(person, REGISTER, site, state, now=now)
    return dict(options.public_key)


@command
def register(
    user: User,
    answer: Answer,
    *,
    name: str,
    site: Site,
    session: Session | None = None,
    proved_at: datetime | None = None,
    now: datetime,
) -> Registered:
    """Take the passkey that the browser made.

    `session`, if it comes over the API, has proved the factor with it; all others end if it is the first.

    Raises WrongFactor, SecondFactorNeeded, TooMany, TokenRefused.
    """
    person = lock_caller(user, in_session=session.pk if session else None, now=now)
    is_first = factors.require_proof(person, proved_at, now=now)
    _with_room(person)
    challenge = _take(person, REGISTER, site, now=now)
    try:
        given = RegistrationResponse.from_dict(answer)
        made: AuthenticatorData = _server(site).register_complete(challenge.state, given)
    except Exception as error:  # what a browser sends may fail anywhere in the parser
        raise WrongFactor from error
    if given.response.client_data.cross_origin:
        raise WrongFactor
    key = _keep_key(person, made, name=name, now=now)
    factors.note_added(person, "accounts.passkey_added", is_first=is_first, session=session, now=now)
    return Registered(key, recovery.draw(person, now=now) if is_first else [])


def _with_room(person: User) -> list[Passkey]:
    """Lock a person's passkeys, and refuse one more than they may have."""
    keys = Passkey.objects.lock_all(person.pk)
    if len(keys) >= rules.PASSKEYS:
        raise TooMany(most=rules.PASSKEYS)
    return keys


def _keep_key(person: User, made: AuthenticatorData, *, name: str, now: datetime) -> Passkey:
    """Keep the public half of a key that we can check, under an identifier that nobody has. Source: WebAuthn §7.1."""
    credential = made.credential_data
    if credential is None or len(credential.credential_id) > rules.PASSKEY_ID_BYTES:
        raise WrongFactor
    if isinstance(credential.public_key, UnsupportedKey):
        raise WrongFactor
    try:
        with transaction.atomic():
            return Passkey.objects.create(
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
    """Return what the browser needs to use a passkey (PublicKeyCredentialRequestOptionsJSON). Raises FactorMissing."""
    person = User.objects.lock(user.pk)
    keys = [key.attested for key in Passkey.objects.filter(user=person)]
    if not keys:
        raise FactorMissing("There is no passkey here.")
    options, state = _server(site).authenticate_begin(keys, user_verification=VERIFIED)
    _keep(person, PROVE, site, state, now=now)
    return dict(options.public_key)


@command
def remove(user: User, passkey_id: UUID, *, use: pins.Use, now: datetime) -> None:
    """Give a passkey up, with a PIN. Raises NotFound, PinTokenRefused, LastFactor."""
    person = User.objects.lock(user.pk)
    keys = Passkey.objects.lock_all(person.pk)
    key = _among(keys, passkey_id)
    pins.spend(person, use, now=now)
    _give_up(person, key, of=keys, now=now)


@command
def remove_proved(user: User, passkey_id: UUID, *, now: datetime) -> None:
    """Give up a passkey of somebody who proved a factor just now. Raises NotFound, LastFactor, TokenRefused."""
    person = lock_caller(user, now=now)
    keys = Passkey.objects.lock_all(person.pk)
    _give_up(person, _among(keys, passkey_id), of=keys, now=now)


def _among(keys: list[Passkey], passkey_id: UUID) -> Passkey:
    key = next((each for each in keys if each.pk == passkey_id), None)
    if key is None:
        raise NotFound("You have no such passkey.")
    return key


def _give_up(person: User, key: Passkey, *, of: list[Passkey], now: datetime) -> None:
    if person.is_staff and len(of) == 1 and not factors.has_app(person):
        raise LastFactor
    key.delete()
    if not factors.has_factor(person):
        recovery.end(person, now=now)
    sensitive.factor_changed(person, "accounts.passkey_removed", now=now)


@command
def forget_old(*, now: datetime) -> int:
    """Delete challenges that nobody answered in time; return how many."""
    return PasskeyChallenge.objects.lapsed(now - rules.PASSKEY_CHALLENGE_LIFETIME).delete()[0]


def _keep(person: User, purpose: str, site: Site, state: Any, *, now: datetime) -> None:
    """Keep the newest of this visit; those that nobody answered in time go, so that asking on and on piles none up."""
    PasskeyChallenge.objects.lapsed(now - rules.PASSKEY_CHALLENGE_LIFETIME).filter(user=person).delete()
    about: dict[str, Any] = {"user": person, "purpose": purpose, "visit_hash": site.visit_hash}
    PasskeyChallenge.objects.update_or_create(**about, defaults={"state": state, "created_at": now})


def _take(person: User, purpose: str, site: Site, *, now: datetime) -> PasskeyChallenge:
    challenge = PasskeyChallenge.objects.take(person.pk, purpose, site.visit_hash)
    if challenge is None or now - challenge.created_at > rules.PASSKEY_CHALLENGE_LIFETIME:
        raise WrongFactor
    changed = person.access_changed_at
    if changed is not None and challenge.created_at < changed:
        raise WrongFactor  # The password or factor by which it was asked for may stand no more.
    return challenge
