"""A log-in from a device that is new, or with a password that came by mail, by somebody without a second factor.

Six digits that are sent finish it.

Source: docs/rules/access.md §10.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from accounts import rules
from accounts.devices import Device
from accounts.errors import CodeRefused, SmsCapped, TooSoon, WrongFactor
from accounts.models import Session, User, VerificationCode
from accounts.services import codes, factors, mailbox, sms_caps

SMS, EMAIL = "sms", "email_code"
BY_CHANNEL = {VerificationCode.Channel.PHONE: SMS, VerificationCode.Channel.EMAIL: EMAIL}
STEP_UP = VerificationCode.Purpose.STEP_UP
UNDOUBTED = (Session.Reason.LOG_OUT, Session.Reason.PASSWORD, Session.Reason.FACTOR)
"""Why a session ended, where that says nothing against the device."""


def is_new(device: Device, user: User, *, now: datetime) -> bool:
    """Answer whether the person came in before, but not like this of late; the first log-in of all is no news.

    A session that was ended as somebody else's made no device known.
    """
    ever = Session.objects.filter(user=user, device__isnull=False)
    theirs = ever.filter(revoke_reason__in=("", *UNDOUBTED))
    known = theirs.filter(device=device.mark, last_used_at__gt=now - rules.DEVICE_KNOWN_FOR)
    return ever.exists() and not known.exists()


def asks_code(user: User, device: Device, *, now: datetime) -> bool:
    """Answer whether the password doesn't suffice here, for somebody who has no factor: their number is verified.

    A known device counts for nothing beside a password that came by mail: all phones of one browser in one carrier's
    network look like one device.
    """
    return user.phone_verified_at is not None and (is_new(device, user, now=now) or mailbox.is_all(user))


def send_code(user: User, *, now: datetime) -> str:
    """Have a code sent by SMS; by mail where no SMS goes to this country, or to any, today. Say how.

    A code that was sent just now and may still be tried counts on. That this one number had its share is no reason for
    a mail: whoever has the mailbox could bring that about. Nor is a mail of use beside a password that came by mail.
    Raises TooSoon, SmsCapped.
    """
    try:
        return send_by_sms(user, now=now)
    except SmsCapped as capped:
        if capped.facts["of"] == sms_caps.NUMBER or user.email_verified_at is None or mailbox.is_all(user):
            raise
        return _send(user, VerificationCode.Channel.EMAIL, now=now)


def send_by_sms(user: User, *, now: datetime) -> str:
    """Have a code sent by SMS or not at all, to whom a mail would prove nothing new. Raises TooSoon, SmsCapped."""
    return _send(user, VerificationCode.Channel.PHONE, now=now)


def _send(user: User, channel: VerificationCode.Channel, *, now: datetime) -> str:
    try:
        codes.ask(user, channel, STEP_UP, now=now)
    except SmsCapped:
        raise
    except TooSoon:
        newest = VerificationCode.objects.of(user.pk, channel, STEP_UP).first()
        if newest is None or not newest.may_be_tried(now):
            raise
    return BY_CHANNEL[channel]


@dataclass(frozen=True, slots=True)
class SentCode:
    """The digits that somebody typed, whose try was counted."""

    code_id: UUID
    channel: str
    typed: str

    def use(self, person: User, *, now: datetime) -> str:
        """Use the code up, and say how it was sent (a step). Raises WrongFactor."""
        if factors.has_factor(person):
            raise WrongFactor
        try:
            codes.take(self.code_id, self.channel, STEP_UP, factors.plain(self.typed), now=now)
        except CodeRefused as refusal:
            raise WrongFactor from refusal
        return BY_CHANNEL[VerificationCode.Channel(self.channel)]


def count_try(user: User, typed: str, *, now: datetime) -> SentCode:
    """Count a try of the newest code before it is compared. Raises WrongFactor."""
    newest = VerificationCode.objects.filter(user=user, purpose=STEP_UP).first()
    if newest is None:
        raise WrongFactor
    try:
        code_id = codes.spend_try(user, newest.channel, STEP_UP, now=now)
    except CodeRefused as refusal:
        raise WrongFactor from refusal
    return SentCode(code_id, newest.channel, typed)
