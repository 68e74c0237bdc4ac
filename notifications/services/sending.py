"""Send what is due: claim it and commit, call the provider outside any transaction, record what it said.

At least once: one whose worker dies between the call and the record is sent again, under the same mail id or push tag.
Source: docs/rules/notifications.md §3.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import connection

from core.commands import command
from notifications import kinds, messages, rules
from notifications.channels import Failed, Gone, NotSent, push
from notifications.channels.mail import Mailer
from notifications.models import Channel, Delivery, Device, MessageCount, QuietHours
from notifications.services import dispatch
from notifications.services.telling import kick_after_commit
from oversight import alerts, audit
from oversight.permissions import require_permission

log = logging.getLogger(__name__)

BATCH: Final = 20
LONGEST: Final = timedelta(minutes=5)
"""How long one task goes on; beat's next takes over. The broker hands a task out again after an hour."""
RETRY: Final = "notifications.retry_delivery"
FAILS: Final = "messages-fail"

Status = Delivery.Status
Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Claimed:
    """How many due rows were taken, and those of them that are to be sent."""

    taken: int
    to_send: list[Delivery]


def send_in_turn(*, clock: Clock) -> int:
    """Send what is due unless as many do as may (`settings.SENDERS_AT_ONCE`); return how many went out.

    Each sends for minutes while much is due. Were every process of the worker at it, nobody's code would be sent.
    """
    with _a_place() as is_free:
        return send_due(clock=clock) if is_free else 0


@contextmanager
def _a_place() -> Iterator[bool]:
    """Hold one of the senders' places over many transactions, if one is free."""
    with connection.cursor() as cursor:
        places = range(settings.SENDERS_AT_ONCE)
        place = next((each for each in places if _asked(cursor, "pg_try_advisory_lock", each)), None)
    try:
        yield place is not None
    finally:
        if place is not None:
            with connection.cursor() as cursor:
                _asked(cursor, "pg_advisory_unlock", place)


def _asked(cursor: Any, function: str, place: int) -> bool:
    cursor.execute(f"SELECT {function}(hashtext('notifications.sending'), %s)", [place])
    return bool(cursor.fetchone()[0])


def send_due(*, clock: Clock) -> int:
    """Send what is due, batch by batch, until nothing is left or five minutes are over; return how many went out."""
    began, sent = clock(), 0
    with Mailer() as mailer:
        while clock() - began < LONGEST:
            claimed = claim(now=clock())
            if not claimed.taken:
                break
            seen = kinds.looked_up(row.notification for row in claimed.to_send)
            for row in claimed.to_send:
                now = clock()
                if row.next_try_at <= now:
                    continue  # The batch was slow: by now it may be another worker's.
                outcome = _try(row, seen.get(row.notification_id, {}), mailer=mailer, now=now)
                sent += outcome is None
                record(row.pk, attempt=row.attempts, outcome=outcome, now=clock())
    return sent


def _try(row: Delivery, seen: kinds.Facts, *, mailer: Mailer, now: datetime) -> NotSent | None:
    """Send one message; return why it wasn't. What breaks on our side is logged, and tried again like a failure."""
    try:
        dispatch.send(row, seen, mailer=mailer, now=now)
    except NotSent as reason:
        return reason
    except Exception as error:
        log.exception("a message can't be sent", extra={"delivery": str(row.pk), "kind": row.notification.kind})
        return Failed(f"an error of ours: {type(error).__name__}")
    return None


@command
def claim(*, now: datetime) -> Claimed:
    """Take some due messages for this worker: those that may go now are its own for ten minutes.

    The others are dropped, or put off to the end of their person's quiet hours.
    """
    rows = Delivery.objects.claim(now, most=BATCH)
    known = _Known(rows, now)
    # In one order, since each counts in a row that other workers count in, too.
    to_send = [row for row in sorted(rows, key=lambda row: (row.user_id, row.channel, row.pk)) if _take(row, known)]
    return Claimed(len(rows), to_send)


@dataclass
class _Known:
    """What deciding over a batch needs, read at once."""

    rows: list[Delivery]
    now: datetime
    devices: set[tuple[UUID, UUID]] = field(init=False)
    quiet: dict[UUID, Any] = field(init=False)

    def __post_init__(self) -> None:
        asked = [row.device_id for row in self.rows if row.device_id]
        found = Device.objects.reachable(self.now).filter(pk__in=asked) if asked else Device.objects.none()
        self.devices = set(found.values_list("pk", "user_id"))
        people = {row.user_id for row in self.rows if row.channel != Channel.EMAIL}
        said = QuietHours.objects.filter(pk__in=people) if people else QuietHours.objects.none()
        self.quiet = {each.pk: each.hours for each in said}


def _take(row: Delivery, known: _Known) -> bool:
    """Decide over one locked row: drop it, put it off, or take it."""
    now, kind = known.now, kinds.find(row.notification.kind)
    reason = "no-such-kind" if kind is None else _reason_to_drop(row, kind, known)
    if kind is None or reason:
        row.move(Status.DROPPED, at=now, reason=reason)
        return False
    wakes = _quiet_until(row, kind, known)
    if wakes is not None:
        row.next_try_at = wakes
        row.save(update_fields=["next_try_at"])
        return False
    if row.attempts > len(rules.RETRIES_AFTER):
        row.move(Status.FAILED, at=now, reason="no worker lived to say what came of it")
        return False
    if row.attempts == 0 and _is_limited(row, kind) and not _count(row, now):
        row.move(Status.DROPPED, at=now, reason="too-many-in-an-hour")
        return False
    row.attempts += 1
    row.next_try_at = now + rules.LEASE
    row.save(update_fields=["attempts", "next_try_at"])
    return True


def _is_limited(row: Delivery, kind: kinds.Kind) -> bool:
    """Of what is essential an owner can't hear too much; but whoever signs up with a stranger's address is no owner."""
    person = row.user
    unproven = {"email": person.email_verified_at is None, "sms": person.phone_verified_at is None}
    return not kind.category.is_essential or unproven.get(row.channel, False)


def _reason_to_drop(row: Delivery, kind: kinds.Kind, known: _Known) -> str:
    """Say what speaks against sending this at all; things may have changed since it was queued."""
    person = row.user
    if known.now - row.created_at > rules.STALE_AFTER[row.channel]:
        return "too-old"
    if person.deleted_at is not None:
        return "person-gone"
    if row.channel == Channel.PUSH:
        if not push.is_on():
            return "push-is-off"
        return "" if (row.device_id, row.user_id) in known.devices else "device-gone"
    address, proven = (
        (person.email, person.email_verified_at)
        if row.channel == Channel.EMAIL
        else (person.phone, person.phone_verified_at)
    )
    if not address:
        return "no-address"
    return "address-unproven" if kind.category.needs_proof and proven is None else ""


def _quiet_until(row: Delivery, kind: kinds.Kind, known: _Known) -> datetime | None:
    if row.channel == Channel.EMAIL or kind.priority == kinds.Priority.URGENT:
        return None
    hours = known.quiet.get(row.user_id, QuietHours.NIGHT)
    return rules.quiet_until(known.now, hours, zone=messages.zone_of(row.user))


def _count(row: Delivery, now: datetime) -> bool:
    """Count one message of this hour; say whether it may go."""
    given: dict[str, Any] = {
        "hour": now.replace(minute=0, second=0, microsecond=0),
        "user": row.user_id,
        "channel": row.channel,
        "most": rules.AN_HOUR[row.channel],
    }
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, given)
        return cursor.fetchone() is not None


_COUNT: Final = f"""
    INSERT INTO {MessageCount._meta.db_table} AS c (hour, user_id, channel, sent)
    VALUES (%(hour)s, %(user)s, %(channel)s, 1)
    ON CONFLICT (hour, user_id, channel) DO UPDATE SET sent = c.sent + 1 WHERE c.sent < %(most)s
    RETURNING sent
"""


@command
def record(delivery_id: UUID, *, attempt: int, outcome: NotSent | None, now: datetime) -> None:
    """Write down what came of an attempt, unless another worker has taken the message since."""
    row = Delivery.objects.lock(delivery_id)
    if row is None or row.status != Status.QUEUED or row.attempts != attempt:
        return
    if outcome is None:
        row.move(Status.SENT, at=now)
    elif isinstance(outcome, Failed):
        _fail(row, outcome, now=now)
    elif isinstance(outcome, dispatch.Dropped):
        row.move(Status.DROPPED, at=now, reason=str(outcome))
    else:
        if isinstance(outcome, Gone) and row.device_id is not None:
            # By now the token may be somebody else's.
            Device.objects.filter(pk=row.device_id, user_id=row.user_id).delete()
        row.move(Status.FAILED, at=now, reason=str(outcome))


def _fail(row: Delivery, failure: Failed, *, now: datetime) -> None:
    """Try again later, or give up and tell officers: then it isn't this one message that is wrong."""
    again = rules.next_try(row.attempts, now=now, wait=failure.wait)
    if again is not None:
        row.next_try_at, row.reason = again, str(failure)[:200]
        row.save(update_fields=["next_try_at", "reason"])
        return
    row.move(Status.FAILED, at=now, reason=str(failure))
    alerts.raise_alert(
        FAILS,
        dedupe=row.channel,
        title=f"Messages by {row.get_channel_display()} can't be sent",
        detail=f"The newest was given up after {row.attempts} attempts: {failure}. See Deliveries, status failed.",
        at=now,
    )


@command
def retry(*, ids: Iterable[UUID], by: Any, now: datetime) -> int:
    """Queue failed messages again, with all their attempts; return how many. Raises Forbidden."""
    require_permission(by, RETRY)
    rows = list(Delivery.objects.filter(pk__in=list(ids), status=Status.FAILED).order_by("pk").select_for_update())
    for row in rows:
        row.attempts, row.next_try_at = 0, now
        row.move(Status.QUEUED, at=None)
    audit.record("notifications.deliveries_retried", actor=by, at=now, after={"deliveries": len(rows)})
    kick_after_commit()
    return len(rows)
