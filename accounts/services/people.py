"""How somebody becomes a person of ours, and changes what they say of themselves."""

from __future__ import annotations

import contextlib
import functools
import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.db.models import Q
from uuid_utils.compat import uuid7

from accounts import identifiers, mails, roles, signals
from accounts.errors import NameIsVerified, SmsCapped, UnknownReferralCode
from accounts.models import User, new_referral_code
from accounts.services import sms_caps, verification
from core.commands import command
from oversight import audit
from oversight.encryption import blind_index

REFERRAL_CODE_DRAWS = 5


@command
def sign_up(
    *,
    email: str = "",
    phone: str = "",
    password: str,
    first_name: str,
    last_name: str,
    country: str,
    referral_code: str = "",
    language: str = "en",
    now: datetime,
) -> None:
    """Make an investor, or, when an identifier is taken, write to its owner; the caller can't tell which.

    Both ways hash the password, write the same rows (for a taken identifier a stranger's, which are rolled back) and
    hand as many messages over. Raises InvalidIdentifier, UnknownReferralCode.
    """
    user = User(
        first_name=first_name,
        last_name=last_name,
        country=country,
        language=language,
        created_at=now,
        password=make_password(password),
        referrer=referrer_of(referral_code),
    )
    user.identify(email=email, phone=phone)
    owners = list(User.objects.filter(_same_identifiers(user)))
    opened = None if owners else _open(user, now=now)
    if opened is None:
        opened = _pretend(user, owners or list(User.objects.filter(_same_identifiers(user))), now=now)
    if opened is not None and opened.met is not None:
        transaction.on_commit(functools.partial(sms_caps.warn, opened.met, now=now), robust=True)


@dataclass(frozen=True, slots=True)
class Opened:
    """An account was opened; `met` is the cap that kept a code by SMS back."""

    met: SmsCapped | None


def _open(user: User, *, now: datetime) -> Opened | None:
    """Open an account whole or not at all; None if an identifier was taken meanwhile."""
    with transaction.atomic():
        return open_account(user, now=now)


def _pretend(user: User, owners: list[User], *, now: datetime) -> Opened | None:
    """Tell the owners, and do nothing else that stays: it takes as long as a sign-up, so that no clock tells.

    The worker finds nobody behind a stranger's message.
    """
    user.pk = uuid7()
    messages = 1 + sum(1 for index in (user.email_index, user.phone_index) if index is not None)
    user.email_index = user.email_index and secrets.token_bytes(len(user.email_index))
    user.phone_index = user.phone_index and secrets.token_bytes(len(user.phone_index))
    with transaction.atomic():
        opened = _open(user, now=now)
        transaction.set_rollback(True)
    for owner in owners:
        mails.queue("sign_up_attempted", owner)
    for _ in range(messages - len(owners)):
        mails.queue("sign_up_attempted", user)
    return opened


def open_account(user: User, *, now: datetime) -> Opened | None:
    """Make an investor of somebody whose row isn't kept yet; None if an identifier is taken (a step)."""
    if not _create(user):
        return None
    user.groups.add(Group.objects.get_or_create(name=roles.INVESTOR)[0])
    audit.record("accounts.signed_up", actor=user, at=now, target=user)
    signals.tell(user, "signed_up", now=now)
    return Opened(verification.open_first_codes(user, now=now))


def referrer_of(referral_code: str) -> User | None:
    """Return whose referral code this is; nobody's is empty. Raises UnknownReferralCode."""
    if not referral_code:
        return None
    referrer = User.objects.present().filter(referral_code=referral_code).first()
    if referrer is None:
        raise UnknownReferralCode
    return referrer


def _same_identifiers(user: User) -> Q:
    same = Q(pk__in=[])
    for column in ("email_index", "phone_index"):
        if getattr(user, column) is not None:
            same |= Q(**{column: getattr(user, column)})
    return same


def _create(user: User) -> bool:
    """Insert; False if an identifier is taken. Another referral code is drawn when that one is taken."""
    for _ in range(REFERRAL_CODE_DRAWS):
        try:
            with transaction.atomic():
                user.save(force_insert=True)
        except IntegrityError as error:
            constraint = getattr(getattr(error.__cause__, "diag", None), "constraint_name", "") or ""
            if constraint.startswith("accounts_user_one_per_"):
                return False
            if "referral_code" not in constraint:
                raise
            user.referral_code = new_referral_code()
        else:
            return True
    raise AssertionError("five draws out of 10^11 codes were taken")


@command
def change_profile(user: User, *, now: datetime, **changes: str) -> User:
    """Change first_name, last_name, time_zone or language; a name only until a document verified it.

    Raises NameIsVerified.
    """
    person = User.objects.lock(user.pk)
    if person.kyc_level > 0 and {"first_name", "last_name"} & changes.keys():
        raise NameIsVerified
    before = {field: getattr(person, field) for field in changes}
    for field, value in changes.items():
        setattr(person, field, value)
    if changes:
        person.save(update_fields=list(changes))
        audit.record(
            "accounts.profile_changed",
            actor=person,
            at=now,
            target=person,
            personal={"before": before, "after": changes},
            person=person,
        )
    return person


def find(text: str) -> User | None:
    """Find a person by e-mail address, phone number, referral code or id, each in full."""
    text = text.strip()
    if not text.isprintable():
        return None
    with contextlib.suppress(ValueError):
        return User.objects.filter(pk=UUID(text)).first()
    by_code = User.objects.filter(referral_code=text.upper()).first()
    if by_code is not None:
        return by_code
    try:
        return User.objects.with_index(blind_index(identifiers.normalise(text))).first()
    except identifiers.InvalidIdentifier:
        return None
