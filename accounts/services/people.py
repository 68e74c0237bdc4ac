"""How somebody becomes a person of ours, and changes what they say of themselves."""

from __future__ import annotations

import contextlib
from datetime import datetime
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.db.models import Q

from accounts import identifiers, mails, roles, signals
from accounts.errors import NameIsVerified, UnknownReferralCode
from accounts.models import User, new_referral_code
from accounts.services import verification
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

    Both ways hash the password and send one mail. Raises InvalidIdentifier, UnknownReferralCode.
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
    if open_account(user, now=now):
        return
    for owner in User.objects.filter(_same_identifiers(user)):
        mails.queue("sign_up_attempted", owner)


def open_account(user: User, *, now: datetime) -> bool:
    """Make an investor of somebody whose row isn't kept yet; False if an identifier is taken (a step)."""
    if not _create(user):
        return False
    user.groups.add(Group.objects.get_or_create(name=roles.INVESTOR)[0])
    audit.record("accounts.signed_up", actor=user, at=now, target=user)
    signals.tell(user, "signed_up", now=now)
    verification.open_first_codes(user, now=now)
    return True


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
