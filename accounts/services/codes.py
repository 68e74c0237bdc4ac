"""Codes that go to an address or number: asked for, sent by the worker, tried, taken once.

Source: docs/rules/access.md §8.
"""

from __future__ import annotations

import functools
import secrets
from datetime import datetime
from uuid import UUID

from django.db import transaction
from uuid_utils.compat import uuid7

from accounts import mails, rules, sms, words
from accounts.errors import CodeRefused, NothingToVerify, SmsCapped, TooSoon
from accounts.models import User, VerificationCode
from accounts.models.codes import hash_of
from accounts.services import sms_caps
from core.commands import command
from oversight.encryption import blind_index

Channel, Purpose = VerificationCode.Channel, VerificationCode.Purpose
TOKEN_BYTES = 32
DIGITS_BY_MAIL: dict[str, str] = {Purpose.PIN: "pin_code", Purpose.STEP_UP: "step_up_code"}


def ask(user: User, channel: str, purpose: str, *, now: datetime) -> datetime:
    """Have a code sent; return from when on the next may be asked for.

    Raises NothingToVerify, TooSoon, SmsCapped.
    """
    try:
        return ask_in_turn(user.pk, channel, purpose, now=now)
    except SmsCapped as capped:
        sms_caps.warn(capped, now=now)
        raise


@command
def ask_in_turn(user_id: UUID, channel: str, purpose: str, *, now: datetime) -> datetime:
    """Open a code unless one was sent just now. Raises as `ask`."""
    person = User.objects.lock(user_id)
    if not is_wanted(person, channel, purpose):
        raise NothingToVerify
    sent = require_turn(person, channel, purpose, now=now)
    open_code(person, channel, purpose, now=now)
    after = rules.next_code_at([now, *sent], channel=channel)
    assert after is not None
    return after


def require_turn(person: User, channel: str, purpose: str, *, now: datetime) -> list[datetime]:
    """Refuse a code so soon after the others of a day; return when those were sent. Raises TooSoon.

    Codes for log-ins are asked for by whoever has the password: with another one its owner begins anew.
    """
    since = now - rules.CODES_COUNT_FOR
    if purpose == Purpose.STEP_UP and person.access_changed_at is not None:
        since = max(since, person.access_changed_at)
    lately = VerificationCode.objects.of(person.pk, channel, purpose).filter(created_at__gt=since)
    sent = list(lately.values_list("created_at", flat=True))
    wait = rules.next_code_at(sent, channel=channel)
    if wait is not None and now < wait:
        raise TooSoon(retry_after=int((wait - now).total_seconds()) + 1)
    return sent


def is_wanted(person: User, channel: str, purpose: str) -> bool:
    """Answer whether there is such an address: one that isn't verified yet to verify it, else one that is."""
    if purpose == Purpose.CHANGE:
        return True
    verified = getattr(person, f"{channel}_verified_at") is not None
    return bool(getattr(person, channel)) and verified == (purpose != Purpose.VERIFY)


def open_code(person: User, channel: str, purpose: str, *, new_address: str = "", now: datetime) -> VerificationCode:
    """Have the worker send a code to a person's address, or a new one of theirs (a step). Raises SmsCapped, TooSoon."""
    if channel == Channel.PHONE:
        sms_caps.count_sms(new_address or person.phone, purpose=purpose, now=now)
    elif purpose in sms_caps.CLAIMS:
        sms_caps.count_mail(new_address or person.email, now=now)
    code = VerificationCode.objects.create(
        id=uuid7(),
        user=person,
        channel=channel,
        purpose=purpose,
        address=new_address,
        address_index=blind_index(new_address) if new_address else getattr(person, f"{channel}_index"),
        created_at=now,
        expires_at=now + rules.CODE_LIFETIME[channel],
    )
    transaction.on_commit(functools.partial(_queue, code.pk), robust=True)
    return code


def _queue(code_id: UUID) -> None:
    from accounts import tasks

    tasks.send_code.delay(str(code_id))


def send(code_id: UUID, *, now: datetime) -> None:
    """Draw the secret of a code that was asked for, and send it (the worker's).

    Run twice, it sends twice, and the later secret counts. Nothing is sent for a code that isn't good any more.
    """
    drawn = draw(code_id, now=now)
    if drawn is None:
        return
    code, secret = drawn
    minutes = int(rules.CODE_LIFETIME[code.channel].total_seconds() // 60)
    if code.channel == Channel.PHONE:
        text = words.CODES[words.language_of(code.user.language)][code.purpose]
        sms.send(code.address or code.user.phone, text.format(secret=secret, minutes=minutes))
    elif code.purpose in DIGITS_BY_MAIL:
        mails.deliver(DIGITS_BY_MAIL[code.purpose], code.user, secret=secret, hours=minutes // 60)
    else:
        kind = "link_identity" if code.purpose == Purpose.LINK else "verify_email"
        token = f"{code_id.hex}.{secret}"
        mails.deliver(kind, code.user, to=code.address, token=token, hours=minutes // 60)


@command
def draw(code_id: UUID, *, now: datetime) -> tuple[VerificationCode, str] | None:
    """Give a code its secret: a long token for a link, six digits for the rest."""
    code = VerificationCode.objects.lock(code_id)
    if code is None or code.used_at is not None or now >= code.expires_at:
        return None
    if not is_wanted(code.user, code.channel, code.purpose):
        return None
    if code.channel == Channel.EMAIL and code.purpose not in DIGITS_BY_MAIL:
        secret = secrets.token_urlsafe(TOKEN_BYTES)
    else:
        secret = f"{secrets.randbelow(10**rules.CODE_DIGITS):0{rules.CODE_DIGITS}}"
    code.secret_hash = hash_of(code.pk, secret)
    code.save(update_fields=["secret_hash"])
    return code, secret


def spend_try(user: User, channel: str, purpose: str, *, now: datetime) -> UUID:
    """Count a try of the newest six digits before they are compared: many at once are no more than one by one.

    Raises CodeRefused.
    """
    code_id = count_try(user.pk, channel, purpose, now=now)
    if code_id is None:
        raise CodeRefused
    return code_id


@command
def count_try(user_id: UUID, channel: str, purpose: str, *, now: datetime) -> UUID | None:
    """Count a try of the newest code; None where none may be tried."""
    newest = VerificationCode.objects.of(user_id, channel, purpose).first()
    code = VerificationCode.objects.lock(newest.pk) if newest else None
    if code is None or not code.may_be_tried(now):
        return None
    code.attempts += 1
    code.save(update_fields=["attempts"])
    found: UUID = code.pk
    return found


def take(code_id: UUID, channel: str, purpose: str, secret: str, *, now: datetime) -> VerificationCode:
    """Use a code up, and return it with its user, both locked (a step). Raises CodeRefused.

    Channel and purpose count: six digits that came in by the door for long tokens would be tried without end.
    """
    found = VerificationCode.objects.filter(pk=code_id, channel=channel, purpose=purpose).first()
    if found is None:
        raise CodeRefused
    person = User.objects.lock(found.user_id)
    code = VerificationCode.objects.lock(code_id)
    if code is None or not person.is_active or not code.is_good(secret, now=now):
        raise CodeRefused
    if VerificationCode.objects.of(person.pk, channel, purpose).values_list("pk", flat=True).first() != code.pk:
        raise CodeRefused  # A newer one was asked for.
    code.used_at = now
    code.save(update_fields=["used_at"])
    code.user = person
    return code
