"""Change one's e-mail address or phone number: with a PIN, and it counts once verified.

Source: docs/rules/access.md §9.
"""

from __future__ import annotations

import functools
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from accounts import mails, signals, sms, words
from accounts.errors import AlreadySo, CodeRefused, SmsCapped
from accounts.models import PasswordResetToken, User, VerificationCode
from accounts.services import codes, pins, sensitive, sms_caps
from accounts.services.codes import Channel, Purpose
from core.commands import command
from oversight import audit


def change_address(user: User, *, channel: str, address: str, use: pins.Use, now: datetime) -> None:
    """Send a code to a new address or number, in its one form; nothing changes before the code comes back.

    Whether somebody else has it is never said. Raises PinTokenRefused, AlreadySo, TooSoon, SmsCapped.
    """
    try:
        ask_at(user.pk, channel=channel, address=address, use=use, now=now)
    except SmsCapped as capped:
        sms_caps.warn(capped, now=now)
        raise


@command
def ask_at(user_id: UUID, *, channel: str, address: str, use: pins.Use, now: datetime) -> None:
    """Spend the PIN token, and open the code. Raises as `change_address`."""
    person = User.objects.lock(user_id)
    if getattr(person, channel) == address:
        raise AlreadySo
    codes.require_turn(person, channel, Purpose.CHANGE, now=now)
    pins.spend(person, use, now=now)
    codes.open_code(person, channel, Purpose.CHANGE, new_address=address, now=now)
    audit.record(f"accounts.{channel}_change_asked", actor=person, at=now, target=person)


def replace(code: VerificationCode, *, now: datetime) -> None:
    """Put the new address in the place of the old one, and tell it there (a step).

    Raises CodeRefused when somebody else has it meanwhile, which isn't said.
    """
    person, channel, old = code.user, code.channel, getattr(code.user, code.channel)
    now_has = {"email": person.email, "phone": person.phone, channel: code.address}
    person.identify(**now_has)
    try:
        with transaction.atomic():
            person.save(update_fields=[channel, f"{channel}_index"])
    except IntegrityError as error:
        raise CodeRefused from error
    PasswordResetToken.objects.filter(user=person, used_at=None).update(used_at=now)  # They went to the old one.
    sensitive.changed(person, now=now)
    code.address = old
    code.save(update_fields=["address"])
    transaction.on_commit(functools.partial(_queue, code.pk), robust=True)
    signals.tell(person, f"{channel}_changed", now=now, key=str(code.pk))
    audit.record(
        f"accounts.{channel}_changed", actor=person, at=now, target=person, personal={"before": old}, person=person
    )


def _queue(code_id: UUID) -> None:
    from accounts import tasks

    tasks.tell_old_address.delay(str(code_id))


def tell_old(code_id: UUID) -> None:
    """Tell a change where the person was reached before: at what was left, else on the other channel (the worker's)."""
    code = VerificationCode.objects.select_related("user").get(pk=code_id)
    person, language = code.user, words.language_of(code.user.language)
    what = words.ADDRESSES[language][code.channel]
    if (code.channel == Channel.PHONE) == bool(code.address):
        sms.send(code.address or person.phone, words.CHANGED[language].format(what=what))
    else:
        mails.deliver("address_changed", person, to=code.address, what=what)
