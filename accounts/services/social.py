"""Log-in by an identity token of Google or Apple. Source: docs/rules/access.md §11."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from django.contrib.auth.hashers import make_password

from accounts import id_tokens, tokens
from accounts.devices import Device
from accounts.errors import (
    AccountBlocked,
    AddressUnverified,
    OfficerLogInsOnly,
    ProfileNeeded,
    SocialAddressMissing,
    SocialLogInClosed,
    WrongFactor,
)
from accounts.id_tokens import Claims
from accounts.models import Provider, SocialIdentity, User
from accounts.services import factors, identities, login, mailbox, new_device, nonces, people
from accounts.services.login import Challenge
from core.commands import command
from oversight.encryption import blind_index

TRIES = 3


class Overtaken(Exception):
    """Somebody else's request made what this one found missing, or took away what it found: look again."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What a new person says of themselves beside their token."""

    first_name: str = ""
    last_name: str = ""
    country: str = ""
    language: str = "en"
    referral_code: str = ""


@dataclass(frozen=True, slots=True)
class LinkAsked:
    """The address has an account: its owner was sent a code that links this log-in to it."""


@dataclass(frozen=True, slots=True)
class Vouched:
    """Google or Apple says who it is: a new device needs no code beside a log-in that was used before."""

    def use(self, person: User, *, now: datetime) -> str:
        """Say so. Raises WrongFactor where the person has a factor of their own by now."""
        if factors.has_factor(person):
            raise WrongFactor
        return "social"


Outcome = tokens.TokenPair | Challenge | LinkAsked


def exchange(provider: Provider, id_token: str, *, profile: Profile, device: Device, now: datetime) -> Outcome:
    """Log in whoever this identity token is of: a known log-in, a new person, or one who must link it first.

    Who has a second factor is asked for it. Raises UnknownSocialProvider, IdTokenRefused, KeysUnavailable,
    AccountBlocked, OfficerLogInsOnly, SocialLogInClosed, AddressUnverified, SocialAddressMissing, ProfileNeeded,
    UnknownReferralCode, TooSoon, SmsCapped.
    """
    claims = id_tokens.verify(provider, id_token, now=now)
    for _ in range(TRIES):
        try:
            return _answer(claims, profile, device, now=now)
        except Overtaken:
            continue
    raise AssertionError("overtaken again and again")


def _answer(claims: Claims, profile: Profile, device: Device, *, now: datetime) -> Outcome:
    identity = SocialIdentity.objects.filter(subject_index=claims.subject_index).first()
    if identity is not None:
        entry = log_in_known(identity, claims, device=device, now=now)
        if isinstance(entry, Challenge) and not entry.methods:
            return replace(entry, methods=(new_device.send_by_sms(identity.user, now=now),))
        return entry
    owner = User.objects.filter(email_index=blind_index(claims.email)).first() if claims.email else None
    if owner is not None:
        return ask_owner(owner, claims, now=now)
    return sign_up_with(claims, profile, device=device, now=now)


@command
def log_in_known(
    identity: SocialIdentity, claims: Claims, *, device: Device, now: datetime
) -> tokens.TokenPair | Challenge:
    """Open a session for whom this log-in is linked to, as a right password would.

    One that was never used was linked by whoever reads the mail: a code has to come beside it, as beside a password
    that was set by mail. The answer is then a challenge without a method, and the code is sent once this has committed.

    Raises IdTokenRefused, AccountBlocked, OfficerLogInsOnly, SocialLogInClosed, Overtaken.
    """
    person = User.objects.lock(identity.user_id)
    nonces.spend(claims.nonce_hashes, now=now)
    found = SocialIdentity.objects.filter(pk=identity.pk)
    kept = found.first()
    if kept is None:
        raise Overtaken  # It was unlinked just now.
    _require_may_enter(person)
    methods = factors.methods_of(person)
    if methods or (kept.last_used_at is None and _asks_code(person, device, kept, now=now)):
        return Challenge(tokens.issue_challenge(person.pk, person.password, now=now), methods)
    found.update(last_used_at=now)
    return login.open_session.inside(person, device=device, now=now, proof=Vouched())


def _asks_code(person: User, device: Device, kept: SocialIdentity, *, now: datetime) -> bool:
    """Answer whether a code by SMS has to come beside a log-in that was linked and never used."""
    if new_device.asks_code(person, device, now=now):
        return True
    return person.phone_verified_at is not None and not mailbox.has_shown_more(person, since=kept.pk)


@command
def ask_owner(owner: User, claims: Claims, *, now: datetime) -> LinkAsked:
    """Send the owner of an account with this address a code that links the log-in to it.

    Raises IdTokenRefused, AccountBlocked, OfficerLogInsOnly, SocialLogInClosed, AddressUnverified, TooSoon, Overtaken.
    """
    person = User.objects.lock(owner.pk)
    nonces.spend(claims.nonce_hashes, now=now)
    if person.email_index is None or bytes(person.email_index) != blind_index(claims.email):
        raise Overtaken
    if person.email_verified_at is None:
        raise AddressUnverified(
            "If that account is yours: log in with its password, verify the address, and link this log-in then. "
            "If it isn't, somebody used your address: write to support, who can free it."
        )
    _require_may_enter(person)
    identities.ask_to_link(person, claims, now=now)
    return LinkAsked()


def _require_may_enter(person: User) -> None:
    if person.deleted_at is not None:
        raise SocialLogInClosed
    if person.is_staff:
        raise OfficerLogInsOnly
    if person.is_blocked:
        raise AccountBlocked


def require_profile(claims: Claims, profile: Profile) -> Profile:
    """Fill in the names that the token has. Raises ProfileNeeded for what is missing then."""
    whole = Profile(
        first_name=profile.first_name or claims.first_name,
        last_name=profile.last_name or claims.last_name,
        country=profile.country,
        language=profile.language,
        referral_code=profile.referral_code,
    )
    missing = [name for name in ("first_name", "last_name", "country") if not getattr(whole, name)]
    if missing:
        problem = {"code": "required", "detail": "A new person is asked for this."}
        raise ProfileNeeded(errors=[{"pointer": f"/{name}", **problem} for name in missing])
    return whole


@command
def sign_up_with(claims: Claims, profile: Profile, *, device: Device, now: datetime) -> tokens.TokenPair:
    """Make an investor who has no password yet, and log them in.

    The address counts as verified where the provider speaks for it; else a code goes there. Raises IdTokenRefused,
    SocialAddressMissing, ProfileNeeded, UnknownReferralCode, Overtaken.
    """
    nonces.spend(claims.nonce_hashes, now=now)
    if not claims.email:
        raise SocialAddressMissing
    profile = require_profile(claims, profile)
    person = User(
        first_name=profile.first_name,
        last_name=profile.last_name,
        country=profile.country,
        language=profile.language,
        created_at=now,
        password=make_password(None),
        referrer=people.referrer_of(profile.referral_code),
        email_verified_at=now if claims.is_authoritative else None,
    )
    person.identify(email=claims.email)
    if not people.open_account(person, now=now) or not identities.keep(person, claims, now=now, used=True):
        raise Overtaken
    return login.open_session.inside(person, device=device, now=now)
