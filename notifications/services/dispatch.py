"""Write one message in its person's language and hand it to its channel. Outside any transaction."""

from __future__ import annotations

from datetime import datetime

from accounts import sms, words
from accounts.errors import SmsCapped
from accounts.services import sms_caps
from core.commands import command
from notifications import kinds, messages
from notifications.channels import Failed, NotSent, Refused, push
from notifications.channels.mail import Mailer
from notifications.messages import Message
from notifications.models import Channel, Delivery, Device


class Dropped(NotSent):
    """It isn't to be sent at all; the text is a code of ours."""


def send(row: Delivery, seen: kinds.Facts, *, mailer: Mailer, now: datetime) -> None:
    """Send one claimed message. Raises Dropped, Refused, Gone, Failed."""
    message = written(row, seen)
    if row.channel == Channel.EMAIL:
        subject, text, html = message.mail(row.user.get_short_name())
        mailer.send(row.user.email, subject=subject, text=text, html=html, delivery=row.pk)
    elif row.channel == Channel.SMS:
        _send_sms(row, message, now=now)
    else:
        _push(row, message, now=now)


def written(row: Delivery, seen: kinds.Facts) -> Message:
    """Write a delivery's message."""
    person, notification = row.user, row.notification
    return messages.compose(
        kinds.get(notification.kind),
        facts=notification.facts,
        seen=seen,
        language=words.language_of(person.language),
        zone=messages.zone_of(person),
    )


def _send_sms(row: Delivery, message: Message, *, now: datetime) -> None:
    if row.attempts == 1:  # Another attempt isn't another message.
        _require_room(row, message, now=now)
    try:
        sms.send(row.user.phone, message.sms)
    except sms.SmsRefused as error:
        raise Refused(str(error)) from None
    except sms.SmsFailed as error:
        raise Failed(str(error), wait=error.wait) from None


def _require_room(row: Delivery, message: Message, *, now: datetime) -> None:
    is_proven = message.kind.is_alarm or row.user.phone_verified_at is not None
    is_owners = message.kind.category.is_essential and is_proven
    try:
        count(row.user.phone, purpose=sms_caps.SAFETY if is_owners else "notice", now=now)
    except SmsCapped as capped:
        sms_caps.warn(capped, now=now)
        raise Dropped("no-more-sms-today") from None


@command
def count(number: str, *, purpose: str, now: datetime) -> None:
    """Count one SMS, before it is sent. Raises SmsCapped."""
    sms_caps.count_sms(number, purpose=purpose, now=now)


def _push(row: Delivery, message: Message, *, now: datetime) -> None:
    """Push to a device whose log-in is still good: it was when the message was claimed, which may be minutes ago."""
    assert row.device_id is not None
    device = Device.objects.reachable(now).filter(pk=row.device_id, user_id=row.user_id).first()
    if device is None:
        raise Dropped("device-gone")
    title, text = message.push
    asked = push.Push(
        title=title,
        text=text,
        notification=str(row.notification_id),
        kind=row.notification.kind,
        url=message.url,
        is_urgent=message.kind.priority >= kinds.Priority.HIGH,
    )
    push.send(device.token, asked)
