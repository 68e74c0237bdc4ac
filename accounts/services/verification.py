"""Prove that an e-mail address or a phone number is somebody's: ask for a code, send it, take it back.

Source: docs/rules/access.md §8.
"""

from __future__ import annotations

import functools
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

from django.db import connection, transaction
from uuid_utils.compat import uuid7

from accounts import identifiers, mails, rules, sms
from accounts.errors import CodeRefused, NothingToVerify, SmsCapped, TooSoon
from accounts.models import SmsCount, User, VerificationCode
from accounts.models.codes import hash_of
from core.commands import command
from oversight import alerts, audit

Channel = VerificationCode.Channel
TOKEN_BYTES = 32


def ask_code(user: User, channel: str, *, now: datetime) -> datetime:
    """Send another code to one's unverified address or number; return from when on the next may be asked for.

    Raises NothingToVerify, TooSoon, SmsCapped.
    """
    try:
        return open_code(user.pk, channel, now=now)
    except SmsCapped as capped:
        if capped.facts["of"] != "number":
            _warn(capped.facts["of"], now=now)
        raise


@command
def open_code(user_id: UUID, channel: str, *, now: datetime) -> datetime:
    """Open a code, have the worker send it, and say when the next may be. Raises as `ask_code`."""
    person = User.objects.lock(user_id)
    if not _waits(person, channel):
        raise NothingToVerify
    sent = _lately(person, channel, now=now)
    wait = rules.next_code_at(sent, channel=channel)
    if wait is not None and now < wait:
        raise TooSoon(retry_after=int((wait - now).total_seconds()) + 1)
    _open(person, channel, now=now)
    after = rules.next_code_at([now, *sent], channel=channel)
    assert after is not None
    return after


def open_first_codes(person: User, *, now: datetime) -> None:
    """Send a code to each address that somebody signed up with (a step); where none may go they ask later."""
    for channel in Channel:
        if _waits(person, channel):
            try:
                with transaction.atomic():
                    _open(person, channel, now=now)
            except SmsCapped:
                continue


def _waits(person: User, channel: str) -> bool:
    return bool(getattr(person, channel)) and getattr(person, f"{channel}_verified_at") is None


def _lately(person: User, channel: str, *, now: datetime) -> list[datetime]:
    lately = VerificationCode.objects.of(person, channel).filter(created_at__gt=now - rules.CODES_COUNT_FOR)
    return list(lately.values_list("created_at", flat=True))


def _open(person: User, channel: str, *, now: datetime) -> None:
    if channel == Channel.PHONE:
        count_sms(person.phone, now=now)
    code = VerificationCode.objects.create(
        id=uuid7(),
        user=person,
        channel=channel,
        address_index=getattr(person, f"{channel}_index"),
        created_at=now,
        expires_at=now + rules.CODE_LIFETIME[channel],
    )
    transaction.on_commit(functools.partial(_queue, code.pk), robust=True)


def _queue(code_id: UUID) -> None:
    from accounts import tasks

    tasks.send_code.delay(str(code_id))


def count_sms(number: str, *, now: datetime) -> None:
    """Count one message to a number, to its country and in all (a step). Raises SmsCapped where that is too many."""
    day = now.astimezone(UTC).date()
    midnight = datetime.combine(day, datetime.max.time(), UTC)
    for scope, name, most in _scopes(number):
        with connection.cursor() as cursor:
            cursor.execute(_COUNT, {"day": day, "scope": scope, "most": most})
            if cursor.fetchone() is None:
                raise SmsCapped(of=name, retry_after=int((midnight - now).total_seconds()) + 1)


def _scopes(number: str) -> Iterator[tuple[str, str, int]]:
    """What is counted, from the rarest to what everybody counts: that row is held for the shortest."""
    country = identifiers.country_of(number)
    caps = sms.caps()
    yield f"number:{sms.mark(number)}", "number", caps.number
    yield f"country:{country}", country, caps.country
    yield "all", "all countries", caps.all


_COUNT = f"""
    INSERT INTO {SmsCount._meta.db_table} AS c (day, scope, sent)
    SELECT %(day)s, %(scope)s, 1 WHERE %(most)s > 0
    ON CONFLICT (day, scope) DO UPDATE SET sent = c.sent + 1 WHERE c.sent < %(most)s
    RETURNING sent
"""


@command
def _warn(where: str, *, now: datetime) -> None:
    alerts.raise_alert(
        "accounts.sms_capped",
        dedupe=where,
        severity="warning",
        title=f"No more SMS today to {where}: the day's cap is reached",
        at=now,
    )


def send_code(code_id: UUID, *, now: datetime) -> None:
    """Draw the secret of a code that was asked for, and send it (the worker's).

    Run twice, it sends twice, and the later secret counts. Nothing is sent for a code that isn't good any more.
    """
    drawn = draw(code_id, now=now)
    if drawn is None:
        return
    person, channel, secret = drawn
    minutes = int(rules.CODE_LIFETIME[channel].total_seconds() // 60)
    if channel == Channel.PHONE:
        sms.send(person.phone, f"{secret} is your Fiducia code. It is good for {minutes} minutes. Tell it to nobody.")
    else:
        mails.deliver("verify_email", person, token=f"{code_id.hex}.{secret}", hours=minutes // 60)


@command
def draw(code_id: UUID, *, now: datetime) -> tuple[User, str, str] | None:
    """Give a code its secret, and return whom it goes to, how, and the secret."""
    code = VerificationCode.objects.lock(code_id)
    if code is None or code.used_at is not None or now >= code.expires_at or not _waits(code.user, code.channel):
        return None
    if code.channel == Channel.PHONE:
        secret = f"{secrets.randbelow(10**rules.CODE_DIGITS):0{rules.CODE_DIGITS}}"
    else:
        secret = secrets.token_urlsafe(TOKEN_BYTES)
    code.secret_hash = hash_of(code.pk, secret)
    code.save(update_fields=["secret_hash"])
    return code.user, code.channel, secret


def verify_phone(user: User, secret: str, *, now: datetime) -> None:
    """Take the six digits that came by SMS: the number is verified. Raises CodeRefused."""
    code_id = spend_try(user.pk, now=now)
    if code_id is None:
        raise CodeRefused
    accept(code_id, Channel.PHONE, secret, now=now)


def verify_email(token: str, *, now: datetime) -> None:
    """Take the token that came by mail: the address is verified. Raises CodeRefused."""
    code, _, secret = token.partition(".")
    try:
        code_id = UUID(hex=code)
    except ValueError:
        raise CodeRefused from None
    accept(code_id, Channel.EMAIL, secret, now=now)


@command
def spend_try(user_id: UUID, *, now: datetime) -> UUID | None:
    """Count a try of the newest SMS code before it is compared, so that many at once are no more than one by one."""
    newest = VerificationCode.objects.filter(user_id=user_id, channel=Channel.PHONE).order_by("-id").first()
    code = VerificationCode.objects.lock(newest.pk) if newest else None
    if code is None or code.used_at is not None or now >= code.expires_at or code.attempts >= rules.CODE_ATTEMPTS:
        return None
    code.attempts += 1
    code.save(update_fields=["attempts"])
    found: UUID = code.pk
    return found


@command
def accept(code_id: UUID, channel: str, secret: str, *, now: datetime) -> None:
    """Verify the address that a code went to, once. Raises CodeRefused.

    The channel counts: six digits that came in by the door for long tokens would be tried without end.
    """
    found = VerificationCode.objects.filter(pk=code_id, channel=channel).first()
    if found is None:
        raise CodeRefused
    person = User.objects.lock(found.user_id)
    code = VerificationCode.objects.lock(code_id)
    if code is None or not person.is_active or not code.is_good(secret, now=now):
        raise CodeRefused
    if VerificationCode.objects.of(person, channel).values_list("pk", flat=True).first() != code.pk:
        raise CodeRefused  # A newer one was asked for.
    code.used_at = now
    code.save(update_fields=["used_at"])
    setattr(person, f"{channel}_verified_at", now)
    person.save(update_fields=[f"{channel}_verified_at"])
    audit.record(f"accounts.{channel}_verified", actor=person, at=now, target=person)


@command
def forget_old_codes(*, now: datetime) -> int:
    """Delete codes and counts that were good for nothing a month ago; return how many codes."""
    SmsCount.objects.filter(day__lt=(now - rules.KEEP_CODES).date()).delete()
    return VerificationCode.objects.filter(expires_at__lt=now - rules.KEEP_CODES).delete()[0]
