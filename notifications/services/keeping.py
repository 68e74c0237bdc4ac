"""What is forgotten when. Source: docs/rules/notifications.md §6."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q

from core.commands import command
from notifications import kinds, rules
from notifications.models import Delivery, Device, MessageCount, Notification

AT_ONCE: Final = 5_000


def forget_old(*, now: datetime) -> None:
    """Delete what nobody needs any more, some thousands a transaction; running it again does no harm."""
    forget_small(now=now)
    while forget_deliveries(now=now) == AT_ONCE:
        pass
    for kept in sorted({kind.keep for kind in kinds.every()}):
        while forget_notifications(kept, now=now) == AT_ONCE:
            pass


@command
def forget_small(*, now: datetime) -> None:
    """Delete counts of hours that are over, and devices whose log-in ended long ago."""
    MessageCount.objects.filter(hour__lt=now - timedelta(hours=2)).delete()
    ended = Q(session__revoked_at__lt=now - rules.KEEP_DEVICES) | Q(session__expires_at__lt=now - rules.KEEP_DEVICES)
    Device.objects.filter(ended).delete()


@command
def forget_deliveries(*, now: datetime) -> int:
    """Delete some deliveries that ended long ago; return how many."""
    ended = Delivery.objects.filter(status__in=ENDED, ended_at__lt=now - rules.KEEP_DELIVERIES)
    ids = list(ended.order_by().values_list("pk", flat=True)[:AT_ONCE])  # in no order: by their age, not their id
    return Delivery.objects.filter(pk__in=ids).delete()[0]


@command
def forget_notifications(kept: timedelta, *, now: datetime) -> int:
    """Delete some notifications of the kinds that are kept for so long, with their deliveries; return how many."""
    codes = [kind.code for kind in kinds.every() if kind.keep == kept]
    old = Notification.objects.filter(kind__in=codes, created_at__lt=now - kept)
    ids = list(old.order_by().values_list("pk", flat=True)[:AT_ONCE])
    Delivery.objects.filter(notification__in=ids).delete()
    Notification.objects.filter(pk__in=ids).delete()
    return len(ids)


ENDED: Final = (Delivery.Status.SENT, Delivery.Status.FAILED, Delivery.Status.DROPPED)
