"""Prove that an e-mail address or a phone number is one's own. Source: docs/rules/access.md §8."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from accounts import rules
from accounts.errors import CodeRefused, SmsCapped, TooSoon
from accounts.models import SmsCount, User, VerificationCode
from accounts.services import addresses, codes, strangers
from accounts.services.codes import Channel, Purpose
from core.commands import command
from oversight import audit

PROVING = (Purpose.VERIFY, Purpose.CHANGE)


def ask_code(user: User, channel: str, *, now: datetime) -> datetime:
    """Have another code sent to one's unverified address or number; return from when on the next may be asked for.

    Raises NothingToVerify, TooSoon, SmsCapped.
    """
    return codes.ask(user, channel, Purpose.VERIFY, now=now)


def open_first_codes(person: User, *, now: datetime) -> SmsCapped | None:
    """Have a code sent to each address that somebody signed up with (a step); where none may go they ask later.

    Return which cap was met: whether the account is kept or not, officers are to hear of it afterwards.
    """
    met = None
    for channel in Channel:
        if codes.is_wanted(person, channel, Purpose.VERIFY):
            try:
                with transaction.atomic():
                    codes.open_code(person, channel, Purpose.VERIFY, now=now)
            except SmsCapped as capped:
                met = capped
            except TooSoon:
                continue
    return met


def verify_phone(user: User, secret: str, *, now: datetime) -> None:
    """Take the six digits that came by SMS: the number is verified. Raises CodeRefused."""
    sent = VerificationCode.objects.filter(user=user, channel=Channel.PHONE, purpose__in=PROVING)
    purpose = sent.order_by("-id").values_list("purpose", flat=True).first() or Purpose.VERIFY
    code_id = codes.spend_try(user, Channel.PHONE, purpose, now=now)
    verify(code_id, Channel.PHONE, purpose, secret, now=now)


def verify_email(token: str, *, now: datetime) -> None:
    """Take the token that came by mail: the address is verified. Raises CodeRefused."""
    code, _, secret = token.partition(".")
    try:
        found = VerificationCode.objects.filter(pk=UUID(hex=code), purpose__in=PROVING).first()
    except ValueError:
        found = None
    if found is None:
        raise CodeRefused
    verify(found.pk, Channel.EMAIL, found.purpose, secret, now=now)


@command
def verify(code_id: UUID, channel: str, purpose: str, secret: str, *, now: datetime) -> None:
    """Verify the address that a code went to, once; a new one comes in the place of the old. Raises CodeRefused."""
    code = codes.take(code_id, channel, purpose, secret, now=now)
    if purpose == Purpose.CHANGE:
        addresses.replace(code, now=now)
    person = code.user
    if channel == Channel.EMAIL and purpose == Purpose.VERIFY and person.email_verified_at is None:
        strangers.shut_out(person, now=now)
    setattr(person, f"{channel}_verified_at", now)
    person.save(update_fields=[f"{channel}_verified_at"])
    audit.record(f"accounts.{channel}_verified", actor=person, at=now, target=person)


@command
def forget_old_codes(*, now: datetime) -> int:
    """Delete codes and counts that were good for nothing a month ago; return how many codes."""
    SmsCount.objects.filter(day__lt=(now - rules.KEEP_CODES).date()).delete()
    return VerificationCode.objects.filter(expires_at__lt=now - rules.KEEP_CODES).delete()[0]
